import { isMqError } from '../../common/errors/mq-error.ts';
import { toGrpcError } from '../../common/errors/status.ts';
import type { NumberedReport } from '../../common/model/broker-report.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import type {
  BidiListener,
  BidiStream,
  CallContext,
  ServiceMethod,
  ServiceTable,
} from '../../common/rpc/service-table.ts';
import {
  decodeReport,
  encodeAck,
  REGISTER_BROKER_PATH,
} from '../../common/wire/broker-report-codec.ts';
import {
  decodeListMembers,
  decodeRevokeEpoch,
  encodeHeardMembers,
  encodeRevocation,
  LIST_MEMBERS_PATH,
  REVOKE_EPOCH_PATH,
} from '../../common/wire/witness-codec.ts';
import type { RegistryService } from '../registry/registry-service.ts';

/** Acks that a broker may leave unread; it sends the next delta only after the ack of the one before. */
const UNREAD_ACKS_MAX = 1_000;

/** orbitmq.v1.NameServer: the streams over which brokers register, and what the failover controller asks and orders. */
export class NameServerService {
  readonly #registry: RegistryService;
  readonly #onUnexpected: (where: string, error: unknown) => void;
  readonly #streams = new Set<RegistrationStream>();

  /** `onUnexpected` is told what is our bug. */
  constructor(registry: RegistryService, onUnexpected: (where: string, error: unknown) => void) {
    this.#registry = registry;
    this.#onUnexpected = onUnexpected;
  }

  table(): ServiceTable {
    return {
      [REGISTER_BROKER_PATH]: { kind: 'bidi', handle: (call, stream) => this.#open(call, stream) },
      [LIST_MEMBERS_PATH]: this.#unary((bytes) =>
        encodeHeardMembers(this.#registry.heardMembers(decodeListMembers(bytes))),
      ),
      [REVOKE_EPOCH_PATH]: this.#unary((bytes) => {
        const { brokerName, epoch } = decodeRevokeEpoch(bytes);
        return encodeRevocation(this.#registry.revokeEpoch(brokerName, epoch));
      }),
    };
  }

  /** Ends all streams; brokers look for the NameServer again until it is back. */
  drain(): void {
    for (const stream of this.#streams) stream.end();
  }

  #unary(answer: (bytes: Buffer) => Uint8Array): ServiceMethod {
    // Without await: what a controller is told is of one moment.
    const handle = (bytes: Buffer, call: CallContext): Promise<Uint8Array> => {
      try {
        return Promise.resolve(answer(bytes));
      } catch (error) {
        if (!isMqError(error)) this.#onUnexpected(call.method, error);
        return Promise.reject(new RpcError('invalidArgument', toGrpcError(error).details));
      }
    };
    return { kind: 'unary', handle };
  }

  #open(call: CallContext, stream: BidiStream): BidiListener {
    const own = new RegistrationStream(this.#registry, stream, {
      onUnexpected: (error) => {
        this.#onUnexpected(call.method, error);
      },
      onClosed: () => this.#streams.delete(own),
    });
    this.#streams.add(own);
    return own;
  }
}

interface StreamEvents {
  onUnexpected(error: unknown): void;
  onClosed(): void;
}

class RegistrationStream implements BidiListener {
  readonly #registry: RegistryService;
  readonly #stream: BidiStream;
  readonly #events: StreamEvents;
  readonly #id: number;
  #unread = 0;
  #isOver = false;

  constructor(registry: RegistryService, stream: BidiStream, events: StreamEvents) {
    this.#registry = registry;
    this.#stream = stream;
    this.#events = events;
    this.#id = registry.openStream();
  }

  message(bytes: Buffer): void {
    if (this.#isOver) return;
    try {
      this.#answer(decodeReport(bytes));
    } catch (error) {
      if (!isMqError(error)) this.#events.onUnexpected(error);
      this.end(new RpcError('invalidArgument', toGrpcError(error).details));
    }
  }

  end(error?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#registry.closed(this.#id);
    this.#stream.end(error);
  }

  halfClosed(): void {
    this.end();
  }

  closed(): void {
    this.#isOver = true;
    this.#registry.closed(this.#id);
    this.#events.onClosed();
  }

  #answer(report: NumberedReport): void {
    const ack = this.#registry.report(this.#id, report);
    const room = this.#stream.send(encodeAck(ack));
    if (ack.refusal !== undefined) {
      this.end();
      return;
    }
    if (room === undefined) return;
    this.#unread += 1;
    if (this.#unread > UNREAD_ACKS_MAX) {
      this.end(new RpcError('resourceExhausted', 'acks are not read'));
      return;
    }
    void room.then(() => {
      this.#unread -= 1;
    });
  }
}
