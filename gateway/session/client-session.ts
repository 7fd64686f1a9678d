/** What a gateway knows of one client id: its last Settings, its open streams, when it was last heard of. */
import type { ClientType, IFilterExpression, ISettings } from '../../proto/generated/v2.ts';
import type { ClientContext, ClientRegistration } from '../broker-access.ts';
import { isForwarded } from '../client-context.ts';

/** Settings answered on this stream, and what was answered, for repeating it. */
export interface TelemetryStream {
  /** Sends the last Settings answer once more; does nothing when there was none. */
  repeatSettings(): void;
  /** The client is past its startup: it has sent a heartbeat. */
  clientStarted(): void;
}

/** Topics learned from the receives of a client that never sent Settings; beyond this they are not remembered. */
const LEARNED_TOPICS_MAX = 256;

export class ClientSession {
  readonly clientId: string;
  readonly streams = new Set<TelemetryStream>();
  language: string;
  clientVersion: string;
  peer: string;
  clientType: ClientType;
  /** Told to us by another gateway, which tells all brokers itself. */
  isForwarded: boolean;
  /** Undefined until the client has sent some; it may have lost its stream and never send any again (C#). */
  settings: ISettings | undefined;
  group: string | undefined;
  lastSeenMs: number;
  #subscriptions = new Map<string, IFilterExpression>();
  #publishes: readonly string[] = [];

  constructor(client: ClientContext, clientType: ClientType, nowMs: number) {
    this.clientId = client.clientId;
    this.language = client.language;
    this.clientVersion = client.clientVersion;
    this.peer = client.peer;
    this.clientType = clientType;
    this.isForwarded = isForwarded(client);
    this.lastSeenMs = nowMs;
  }

  adopt(
    settings: ISettings,
    names: {
      readonly group: string | undefined;
      readonly subscriptions: ReadonlyMap<string, IFilterExpression>;
      readonly publishes: readonly string[];
    },
  ): void {
    this.settings = settings;
    this.group = names.group;
    this.#subscriptions = new Map(names.subscriptions);
    this.#publishes = names.publishes;
  }

  /** Notes a subscription that only a receive told us of. True when it is new. */
  learn(group: string, topic: string, filter: IFilterExpression): boolean {
    if (this.settings !== undefined) return false;
    const known = this.#subscriptions.get(topic);
    const isKnown = known?.expression === filter.expression && known?.type === filter.type;
    if (this.group === group && isKnown) return false;
    if (known === undefined && this.#subscriptions.size >= LEARNED_TOPICS_MAX) return false;
    this.group = group;
    this.#subscriptions.set(topic, filter);
    return true;
  }

  registration(): ClientRegistration {
    return {
      clientId: this.clientId,
      clientType: this.clientType,
      language: this.language,
      clientVersion: this.clientVersion,
      peer: this.peer,
      group: this.group,
      subscriptions: [...this.#subscriptions].map(([topic, filter]) => ({ topic, filter })),
      publishes: this.#publishes,
    };
  }
}
