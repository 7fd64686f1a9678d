import type { Environment } from '../../common/environment/environment.ts';
import type { TimerHandle } from '../../common/environment/timers.ts';
import type { Logger } from '../../common/log/logger.ts';
import type {
  BrokerHeartbeat,
  BrokerHello,
  BrokerReport,
  BrokerReportAck,
} from '../../common/model/broker-report.ts';
import type { RpcChannel, RpcStream } from '../../common/rpc/rpc-channel.ts';
import {
  decodeAck,
  encodeReport,
  REGISTER_BROKER_PATH,
} from '../../common/wire/broker-report-codec.ts';
import { reconnectDelayMs } from './core/reconnect-delay.ts';
import type { DeltaTransfer } from './core/delta-transfer.ts';

export interface NameServerLinkPorts {
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>;
  readonly logger: Logger;
  /** For the log. */
  readonly address: string;
  connect(): RpcChannel;
  hello(): BrokerHello;
  heartbeat(): BrokerHeartbeat;
  /** Asked for on the streams of a master only. */
  feed(): Feed;
  readonly events: NameServerLinkEvents;
}

export interface NameServerLinkEvents {
  /** The NameServer grants the lease to write from when the report was sent, on the monotonic clock. */
  granted(sentMs: number): void;
  /** It refuses us: what it granted before counts no more. */
  withdrawn(): void;
  /** It knows a higher epoch than the one we speak for. */
  epochOver(epoch: number): void;
  /** The stream has broken, or could not be opened. */
  lost(): void;
}

interface Feed {
  readonly version: number;
  transferFrom(known: number): DeltaTransfer;
}

export interface NameServerLinkOptions {
  readonly heartbeatIntervalMs: number;
  /** A NameServer that has not answered for so long is given up and tried anew. */
  readonly heartbeatExpiryMs: number;
}

/** How long a stop waits for the answer to the goodbye: without it the broker leaves the routes by its silence. */
const GOODBYE_MS = 500;

/** One attempt to be registered: from connecting to the end of the stream. */
interface Session {
  readonly channel: RpcChannel;
  readonly stream: RpcStream;
  /** What was said on this stream: another role or epoch takes another one. */
  readonly hello: BrokerHello;
  /** When each report was sent that is not acked yet: one delta, and the heartbeats of an expiry at most. */
  readonly sentMs: number[];
  sequence: number;
  acked: number;
  /** Of the last ack; before the first, of the beginning. */
  heardMs: number;
  /** Version that the NameServer knows completely. */
  known: number;
  transfer: DeltaTransfer | undefined;
  /** The one delta on its way: the next is sent when it is acked, so that a slow NameServer bounds what waits for it. */
  delta: { readonly sequence: number; readonly isComplete: boolean } | undefined;
}

/** Keeps the broker registered at one NameServer, whatever happens to that one. Never throws, never waits for it. */
export class NameServerLink {
  readonly #ports: NameServerLinkPorts;
  readonly #options: NameServerLinkOptions;
  #session: Session | undefined;
  #timer: TimerHandle | undefined;
  #failures = 0;
  #isStopping = false;
  /** What the log said last: each state is one line. */
  #said = '';
  #onGoodbye: (() => void) | undefined;

  constructor(ports: NameServerLinkPorts, options: NameServerLinkOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** Whether the NameServer has, as far as is known here, all of the configuration. */
  get isRegistered(): boolean {
    return this.#session !== undefined && isComplete(this.#session);
  }

  start(): void {
    this.#connect();
  }

  /** Topics or groups have changed. */
  configurationChanged(): void {
    if (this.#session !== undefined && this.#session.acked > 0) this.#sendDelta(this.#session);
  }

  /** Role or epoch are others than in the last hello: they are said at once, on a stream of their own. */
  roleChanged(): void {
    if (this.#isStopping) return;
    this.#timer?.cancel();
    this.#failures = 0;
    const session = this.#session;
    session?.stream.cancel();
    this.#connect(session?.channel);
  }

  /** Says goodbye where somebody listens; bounded. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#timer?.cancel();
    const session = this.#session;
    if (session === undefined) return;
    if (session.acked > 0) {
      await new Promise<void>((resolve) => {
        this.#onGoodbye = resolve;
        this.#timer = this.#ports.environment.timers.after(GOODBYE_MS, resolve);
        this.#send(session, { kind: 'goodbye' });
      });
      this.#timer?.cancel();
    }
    this.#close(session);
  }

  #connect(existing?: RpcChannel): void {
    const channel = existing ?? this.#ports.connect();
    const hello = this.#ports.hello();
    const stream = channel.openStream(
      REGISTER_BROKER_PATH,
      {},
      {
        message: (bytes) => {
          if (this.#session === session) this.#received(session, bytes);
        },
        closed: (error) => {
          if (this.#session === session)
            this.#lost(session, error?.message ?? 'it ended the stream');
        },
      },
    );
    const session: Session = {
      channel,
      stream,
      hello,
      sentMs: [],
      sequence: 0,
      acked: 0,
      heardMs: this.#ports.environment.clock.monotonicMs(),
      known: 0,
      transfer: undefined,
      delta: undefined,
    };
    this.#session = session;
    this.#send(session, { kind: 'hello', hello });
    this.#beatLater(session);
  }

  #beatLater(session: Session): void {
    const { timers } = this.#ports.environment;
    this.#timer = timers.after(this.#options.heartbeatIntervalMs, () => {
      this.#beat(session);
    });
  }

  #beat(session: Session): void {
    const silentMs = this.#ports.environment.clock.monotonicMs() - session.heardMs;
    if (silentMs > this.#options.heartbeatExpiryMs) {
      this.#lost(session, `it has not answered for ${Math.round(silentMs)} ms`);
      return;
    }
    if (session.acked > 0) {
      const { epoch } = session.hello;
      this.#send(session, { kind: 'heartbeat', heartbeat: { ...this.#ports.heartbeat(), epoch } });
    }
    this.#beatLater(session);
  }

  #received(session: Session, bytes: Buffer): void {
    let ack: BrokerReportAck;
    try {
      ack = decodeAck(bytes);
    } catch (error) {
      this.#lost(session, (error as Error).message);
      return;
    }
    if (ack.epoch > session.hello.epoch) this.#ports.events.epochOver(ack.epoch);
    // Whoever heard that may have begun another stream.
    if (this.#session !== session) return;
    if (ack.refusal !== undefined) {
      this.#ports.events.withdrawn();
      this.#lost(session, `it refused: ${ack.refusal}`);
      return;
    }
    if (ack.sequence !== session.acked + 1) {
      this.#lost(session, `ack ${ack.sequence} came after ${session.acked}`);
      return;
    }
    session.acked = ack.sequence;
    session.heardMs = this.#ports.environment.clock.monotonicMs();
    const sentMs = session.sentMs.shift();
    if (ack.isGranted && sentMs !== undefined) this.#ports.events.granted(sentMs);
    if (this.#isStopping) {
      if (session.acked === session.sequence) this.#onGoodbye?.();
      return;
    }
    this.#acked(session, ack);
  }

  #acked(session: Session, ack: BrokerReportAck): void {
    const isOfDelta = session.delta?.sequence === ack.sequence;
    if (isOfDelta && session.delta?.isComplete === true) {
      const isFull = session.transfer?.baseVersion === 0;
      if (isFull && ack.knownVersion !== session.transfer?.version) {
        this.#lost(session, 'it did not take the configuration');
        return;
      }
      session.transfer = undefined;
    }
    if (isOfDelta) session.delta = undefined;
    // In the middle of a transfer the NameServer knows what it knew before.
    if (session.transfer === undefined) session.known = ack.knownVersion;
    if (isComplete(session)) {
      this.#failures = 0;
      this.#say('info', 'registered', 'registered at the NameServer', {});
    }
    this.#sendDelta(session);
  }

  #sendDelta(session: Session): void {
    if (session.delta !== undefined || this.#isStopping || session.hello.isSlave) return;
    if (session.transfer === undefined) {
      const feed = this.#ports.feed();
      if (session.known === feed.version) return;
      session.transfer = feed.transferFrom(session.known);
    }
    const delta = session.transfer.next();
    session.delta = { sequence: session.sequence + 1, isComplete: delta.isComplete };
    this.#send(session, { kind: 'delta', delta });
  }

  #send(session: Session, report: BrokerReport): void {
    session.sequence += 1;
    session.sentMs.push(this.#ports.environment.clock.monotonicMs());
    session.stream.send(encodeReport({ sequence: session.sequence, report }));
  }

  #lost(session: Session, reason: string): void {
    this.#close(session);
    this.#onGoodbye?.();
    if (this.#isStopping) return;
    this.#say('warn', reason, 'not registered at the NameServer; trying on', { reason });
    const delayMs = reconnectDelayMs(this.#failures, this.#ports.environment.random.uint32());
    this.#failures += 1;
    this.#timer = this.#ports.environment.timers.after(delayMs, () => {
      this.#connect();
    });
    this.#ports.events.lost();
  }

  #close(session: Session): void {
    this.#session = undefined;
    this.#timer?.cancel();
    session.stream.cancel();
    session.channel.close();
  }

  #say(level: 'info' | 'warn', state: string, text: string, fields: object): void {
    // Reasons differ in numbers; while it is away one line is enough, unless it answers that it does not want us.
    const key = level === 'info' || state.startsWith('it refused') ? state : 'away';
    if (key === this.#said) return;
    this.#said = key;
    this.#ports.logger[level](text, { nameServer: this.#ports.address, ...fields });
  }
}

/** Of a slave the NameServer needs nothing but its name. */
function isComplete({ hello, acked, known }: Session): boolean {
  return hello.isSlave ? acked > 0 : known > 0;
}
