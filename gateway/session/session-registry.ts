/**
 * The clients that a gateway knows, by client id. Tells the brokers who lives and who has gone; a client is gone when it says
 * so, or when it has had neither a stream nor a sign of life for the expiry.
 */
import type { Environment } from '../../common/environment/environment.ts';
import type { TimerHandle } from '../../common/environment/timers.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { ClientType, type IFilterExpression } from '../../proto/generated/v2.ts';
import type { BrokerAccess, ClientContext } from '../broker-access.ts';
import { isForwarded } from '../client-context.ts';
import { ClientSession } from './client-session.ts';

/** Sessions are a few KiB each; more clients than this do not fit one node in other ways either. */
const SESSIONS_MAX = 100_000;

export interface SessionRegistryOptions {
  readonly clientExpiryMs: number;
  readonly sessionsMax?: number;
}

/** Sessions told to a broker that has just taken over, in one go, and the pause until the next ones. */
const ANNOUNCED_AT_ONCE = 200;
const ANNOUNCE_PAUSE_MS = 20;

/** All brokers, or only the one of this node for what another gateway has passed on. */
export type BrokersToTell = (isForwarded: boolean) => readonly BrokerAccess[];

export class SessionRegistry {
  readonly #options: Required<SessionRegistryOptions>;
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  readonly #brokers: BrokersToTell;
  readonly #onUntold: (what: string, error: unknown) => void;
  readonly #sessions = new Map<string, ClientSession>();
  #scan: TimerHandle | undefined;
  #announcing: TimerHandle | undefined;

  /** `onUntold`: a broker could not be told of a client; it is told again with the client's next sign of life. */
  constructor(
    options: SessionRegistryOptions,
    environment: Pick<Environment, 'clock' | 'timers'>,
    brokers: BrokersToTell,
    onUntold: (what: string, error: unknown) => void,
  ) {
    this.#options = { sessionsMax: SESSIONS_MAX, ...options };
    this.#environment = environment;
    this.#brokers = brokers;
    this.#onUntold = onUntold;
  }

  /** Starts to look for silent clients. */
  start(): void {
    this.#scheduleScan();
  }

  stop(): void {
    this.#scan?.cancel();
    this.#scan = undefined;
    this.#announcing?.cancel();
    this.#announcing = undefined;
  }

  get count(): number {
    return this.#sessions.size;
  }

  get(clientId: string): ClientSession | undefined {
    return this.#sessions.get(clientId);
  }

  /** The session of a client, made when there is none. Throws `too-many-requests` when there are too many. */
  open(client: ClientContext, clientType: ClientType): ClientSession {
    const nowMs = this.#environment.clock.monotonicMs();
    let session = this.#sessions.get(client.clientId);
    if (session === undefined) {
      const limit = this.#options.sessionsMax;
      if (this.#sessions.size >= limit) {
        throw new MqError('too-many-requests', { what: 'clients of this node', limit });
      }
      session = new ClientSession(client, clientType, nowMs);
      this.#sessions.set(client.clientId, session);
    } else {
      session.language = client.language;
      session.clientVersion = client.clientVersion;
      session.peer = client.peer;
      session.isForwarded = isForwarded(client);
      if (clientType !== ClientType.CLIENT_TYPE_UNSPECIFIED) session.clientType = clientType;
    }
    session.lastSeenMs = nowMs;
    return session;
  }

  /** Tells all brokers what is known of the session now. */
  announce(session: ClientSession): void {
    const registration = session.registration();
    for (const broker of this.#brokers(session.isForwarded)) {
      this.#supervise('registerClient', broker.registerClient(registration));
    }
  }

  /**
   * Tells the brokers of all sessions, some at a time: another process has taken over, and knows nobody. Heartbeats would do
   * the same, later.
   */
  announceAll(): void {
    this.#announcing?.cancel();
    this.#announceFrom([...this.#sessions.keys()], 0);
  }

  #announceFrom(clientIds: readonly string[], start: number): void {
    this.#announcing = undefined;
    const end = start + ANNOUNCED_AT_ONCE;
    for (const clientId of clientIds.slice(start, end)) {
      const session = this.#sessions.get(clientId);
      if (session !== undefined) this.announce(session);
    }
    if (end >= clientIds.length) return;
    this.#announcing = this.#environment.timers.after(ANNOUNCE_PAUSE_MS, () => {
      this.#announceFrom(clientIds, end);
    });
  }

  /** A receive of a client: proof of life, and the only source of its subscription when its Settings are missing. */
  received(client: ClientContext, group: string, topic: string, filter: IFilterExpression): void {
    let session = this.#sessions.get(client.clientId);
    if (session?.settings !== undefined) {
      session.lastSeenMs = this.#environment.clock.monotonicMs();
      return;
    }
    session = this.open(client, ClientType.CLIENT_TYPE_UNSPECIFIED);
    if (session.learn(group, topic, filter)) this.announce(session);
  }

  /** The client has said goodbye, or is taken to be gone. */
  remove(clientId: string, isForwardedCall: boolean): void {
    // Brokers are told even of clients unknown here: their session may be with another gateway.
    this.#sessions.delete(clientId);
    for (const broker of this.#brokers(isForwardedCall)) {
      this.#supervise('removeClient', broker.removeClient(clientId));
    }
  }

  #scheduleScan(): void {
    this.#scan = this.#environment.timers.after(this.#options.clientExpiryMs / 4, () => {
      this.#removeSilent();
      this.#scheduleScan();
    });
  }

  #removeSilent(): void {
    const silentSinceMs = this.#environment.clock.monotonicMs() - this.#options.clientExpiryMs;
    for (const session of this.#sessions.values()) {
      if (session.streams.size === 0 && session.lastSeenMs <= silentSinceMs) {
        this.remove(session.clientId, session.isForwarded);
      }
    }
  }

  #supervise(what: string, work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#onUntold(what, error);
    });
  }
}
