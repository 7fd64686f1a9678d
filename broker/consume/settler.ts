import { MqError } from '../../common/errors/mq-error.ts';
import type { ReceiptHandle } from '../../common/model/receipt-handle.ts';
import type { BrokerState } from '../state/broker-state.ts';
import type { CommitPipeline } from '../state/commit-pipeline.ts';
import type { GroupTopic } from '../state/group-table.ts';
import { ackBytes, writeAck } from '../state/payload/settlement-record.ts';
import { RecordType } from '../store/record-type.ts';
import type { AttemptKeeper } from './attempt-keeper.ts';
import type { Pending } from './core/queue-progress.ts';
import type { DeadLetters } from './dead-letters.ts';

/** What a receipt handle stands for now: a delivery that may be settled, or one that is settled already. */
type Receipt = OpenReceipt | { readonly kind: 'settling' } | { readonly kind: 'done' };

interface OpenReceipt {
  readonly kind: 'open';
  readonly standing: GroupTopic;
  readonly pending: Pending;
}

export interface SettlerPorts {
  readonly state: BrokerState;
  readonly pipeline: CommitPipeline;
  readonly attempts: AttemptKeeper;
  readonly deadLetters: DeadLetters;
}

/** A delivery whose settlement failed does not expire before this, so that the client's retry finds it. */
const UNSETTLED_MS = 5_000;

/**
 * Ends deliveries: acknowledge, postpone, give up. A handle is good for its delivery until the invisible time is over,
 * whichever node it is handed to and whether or not the broker has restarted meanwhile; afterwards it is refused.
 */
export class Settler {
  readonly #ports: SettlerPorts;
  /** By queue number: where its messages ended when this broker began to serve. */
  #inheritedEnds: Readonly<Float64Array> = new Float64Array(0);

  constructor(ports: SettlerPorts) {
    this.#ports = ports;
  }

  /** Serving begins: of what is there now somebody else may have delivered any message. */
  adopt(): void {
    this.#inheritedEnds = this.#ports.state.index.endOffsets();
  }

  /** Resolves when the acknowledgement is as durable as the broker promises. */
  acknowledge(handle: ReceiptHandle): Promise<void> {
    return this.#settleOpen(handle, async ({ pending }) => {
      const { pipeline } = this.#ports;
      pipeline.append(RecordType.Ack, ackBytes(1), (buffer, at) => {
        writeAck(buffer, at, pending.progress, [pending.offset]);
      });
      await pipeline.whenFolded();
    });
  }

  /** Redelivers after `delayMs`; the current attempt stays open until then. */
  postpone(handle: ReceiptHandle, delayMs: number): Promise<void> {
    return this.#whenOpen(handle, (receipt) => {
      if (receipt.kind !== 'open') throw stale('belongs to a message that is acknowledged already');
      const { pending } = receipt;
      pending.renewUntilMs = 0;
      if (delayMs === 0) this.#ports.attempts.endNow(pending);
      else this.#ports.attempts.hide(pending, delayMs);
    });
  }

  /** The consumer gives up: straight to the dead-letter topic. */
  bury(handle: ReceiptHandle): Promise<void> {
    return this.#settleOpen(handle, ({ standing, pending }) =>
      this.#ports.deadLetters.bury(standing, pending),
    );
  }

  #settleOpen(
    handle: ReceiptHandle,
    write: (receipt: OpenReceipt) => Promise<void>,
  ): Promise<void> {
    return this.#whenOpen(handle, async (receipt) => {
      if (receipt.kind === 'open') await this.#settle(receipt.pending, () => write(receipt));
    });
  }

  /**
   * Two calls about one delivery: the later one waits for what the earlier one comes to. `act` is called in the turn in which
   * the receipt was looked at, so that nobody comes in between.
   */
  async #whenOpen(
    handle: ReceiptHandle,
    act: (receipt: OpenReceipt | { readonly kind: 'done' }) => Promise<void> | void,
  ): Promise<void> {
    const receipt = this.#open(handle);
    if (receipt.kind === 'open') {
      await act(receipt);
      return;
    }
    await this.#ports.pipeline.whenFolded();
    const settled = this.#open(handle);
    if (settled.kind === 'settling') throw stale('is being settled by another call');
    await act(settled);
  }

  async #settle(pending: Pending, write: () => Promise<void>): Promise<void> {
    this.#ports.attempts.forget(pending);
    pending.state = 'settling';
    try {
      await write();
    } catch (error) {
      if (pending.progress.pending(pending.offset) === pending) {
        pending.state = 'in-flight';
        this.#ports.attempts.hideOn(pending, UNSETTLED_MS);
      }
      throw error;
    }
  }

  #open(handle: ReceiptHandle): Receipt {
    const standing = this.#ports.state.standing(handle.groupId, handle.topicId);
    const queue = standing?.queues[handle.queueId];
    if (standing === undefined || queue === undefined)
      throw stale('names a group or topic that is not there');
    const offset = handle.queueOffset;
    if (queue.isDone(offset)) return { kind: 'done' };
    const pending = queue.pending(offset);
    if (pending === undefined) return this.#reopen(standing, handle);
    // Also when it is ready or waiting: it was delivered before a restart, and that delivery has not ended.
    if (handle.attempt !== pending.ended + 1) throw stale('has expired');
    if (pending.state === 'settling') return { kind: 'settling' };
    return { kind: 'open', standing, pending: queue.begin(offset) };
  }

  /**
   * Nothing is known of the delivery since the broker restarted: a first delivery is taken at its word. But what has come since
   * then only this broker has delivered: the handle is for a message that a failover took back, whose place another one has.
   */
  #reopen(standing: GroupTopic, handle: ReceiptHandle): Receipt {
    const queue = standing.queues[handle.queueId];
    const { index } = this.#ports.state;
    if (queue === undefined || handle.attempt !== 1) throw stale('is of an earlier delivery');
    if (handle.queueOffset >= index.endOffset(queue.queueNo))
      throw stale('names a message that is not there');
    if (handle.queueOffset >= (this.#inheritedEnds[queue.queueNo] ?? 0))
      throw stale('is of a message that is not there any more');
    return { kind: 'open', standing, pending: queue.begin(handle.queueOffset) };
  }
}

function stale(reason: string): MqError {
  return new MqError('receipt-handle-invalid', { reason });
}
