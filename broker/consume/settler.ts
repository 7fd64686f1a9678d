import { MqError } from '../../common/errors/mq-error.ts';
import type { ReceiptHandle } from '../../common/model/receipt-handle.ts';
import { NO_STAMP } from '../../common/model/record-stamp.ts';
import type { BrokerState } from '../state/broker-state.ts';
import type { CommitPipeline } from '../state/commit-pipeline.ts';
import type { GroupTopic } from '../state/group-table.ts';
import type { MessageLocator } from '../state/message-locator.ts';
import { ackBytes, writeAck } from '../state/payload/settlement-record.ts';
import { RecordType } from '../store/record-type.ts';
import type { AttemptKeeper } from './attempt-keeper.ts';
import type { Pending, QueueProgress } from './core/queue-progress.ts';
import type { DeadLetters } from './dead-letters.ts';

/**
 * What a receipt handle stands for now: a delivery that may be settled, or one that is settled already. `unproven`: it was delivered
 * before this broker began to serve, and whether the same message still stands there has to be read.
 */
type Receipt =
  | OpenReceipt
  | { readonly kind: 'settling' }
  | DoneReceipt
  | { readonly kind: 'unproven'; readonly queueNo: number };

interface DoneReceipt {
  readonly kind: 'done';
  readonly queue: QueueProgress;
}

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
  readonly locator: MessageLocator;
}

/** A delivery whose settlement failed does not expire before this, so that the client's retry finds it. */
const UNSETTLED_MS = 5_000;

/**
 * Ends deliveries: acknowledge, postpone, give up. A handle is good for its delivery until the invisible time is over,
 * whichever node it is handed to and whether or not the broker has restarted meanwhile; afterwards it is refused.
 */
export class Settler {
  readonly #ports: SettlerPorts;

  constructor(ports: SettlerPorts) {
    this.#ports = ports;
  }

  /** Resolves when the acknowledgement is as durable as the broker promises. */
  acknowledge(handle: ReceiptHandle): Promise<void> {
    return this.#whenOpen(handle, async (receipt) => {
      const { queueOffset: offset } = handle;
      if (receipt.kind === 'open')
        await this.#settle(receipt.pending, () => this.#writeAck(receipt.pending.progress, offset));
      // What retention has finished here may be there at other members, whose retention is their own.
      else if (offset < this.#ports.state.index.minOffset(receipt.queue.queueNo))
        await this.#writeAck(receipt.queue, offset);
    });
  }

  #writeAck(queue: QueueProgress, offset: number): Promise<void> {
    const { pipeline } = this.#ports;
    pipeline.append(RecordType.Ack, ackBytes(1), (buffer, at) => {
      writeAck(buffer, at, queue, [offset]);
    });
    return pipeline.whenFolded();
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
    return this.#whenOpen(handle, async (receipt) => {
      if (receipt.kind !== 'open') return;
      const { standing, pending } = receipt;
      await this.#settle(pending, () => this.#ports.deadLetters.bury(standing, pending));
    });
  }

  /**
   * Two calls about one delivery: the later one waits for what the earlier one comes to. `act` is called in the turn in which
   * the receipt was looked at, so that nobody comes in between.
   */
  async #whenOpen(
    handle: ReceiptHandle,
    act: (receipt: OpenReceipt | DoneReceipt) => Promise<void> | void,
  ): Promise<void> {
    let stamp: number | undefined;
    let receipt = this.#open(handle, stamp);
    if (receipt.kind === 'unproven') {
      stamp = await this.#readStamp(receipt.queueNo, handle.queueOffset);
      receipt = this.#open(handle, stamp);
    }
    if (receipt.kind === 'open') {
      await act(receipt);
      return;
    }
    await this.#ports.pipeline.whenFolded();
    const settled = this.#open(handle, stamp);
    if (settled.kind !== 'open' && settled.kind !== 'done')
      throw stale('is being settled by another call');
    await act(settled);
  }

  async #readStamp(queueNo: number, offset: number): Promise<number> {
    const stamp = await this.#ports.locator.stamp(queueNo, offset);
    if (stamp === undefined) throw stale('names a message that is not there');
    return stamp;
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

  /** `readStamp`: of the message at that place, when it has been read. */
  #open(handle: ReceiptHandle, readStamp: number | undefined): Receipt {
    const standing = this.#ports.state.standing(handle.groupId, handle.topicId);
    const queue = standing?.queues[handle.queueId];
    if (standing === undefined || queue === undefined)
      throw stale('names a group or topic that is not there');
    const offset = handle.queueOffset;
    if (queue.isDone(offset)) return { kind: 'done', queue };
    const pending = queue.pending(offset);
    this.#requireAttempt(handle, queue, pending);
    const known = pending?.stamp ?? NO_STAMP;
    const stamp = known === NO_STAMP ? readStamp : known;
    if (!isProven(handle, stamp)) return { kind: 'unproven', queueNo: queue.queueNo };
    if (pending?.state === 'settling') return { kind: 'settling' };
    const begun = queue.begin(offset);
    begun.stamp = stamp ?? NO_STAMP;
    return { kind: 'open', standing, pending: begun };
  }

  /** Nothing is known of a delivery from before a restart that has not ended: a first one is taken at its word. */
  #requireAttempt(handle: ReceiptHandle, queue: QueueProgress, pending: Pending | undefined): void {
    if (pending !== undefined) {
      // Also when it is ready or waiting: it was delivered before a restart, and that delivery has not ended.
      if (handle.attempt !== pending.ended + 1) throw stale('has expired');
      return;
    }
    if (handle.attempt !== 1) throw stale('is of an earlier delivery');
    if (handle.queueOffset >= this.#ports.state.index.endOffset(queue.queueNo))
      throw stale('names a message that is not there');
  }
}

/**
 * False while it has to be read which message has the place. Throws when it is another one than the handle is for: a failover, or a
 * power loss, has taken that one back.
 */
function isProven(handle: ReceiptHandle, stamp: number | undefined): boolean {
  // Older brokers do not say it, in handles and in copies of messages: then there is nothing to compare.
  if (handle.stamp === NO_STAMP || stamp === NO_STAMP) return true;
  if (stamp !== undefined && stamp !== handle.stamp)
    throw stale('is of a message that is not there any more');
  return stamp !== undefined;
}

function stale(reason: string): MqError {
  return new MqError('receipt-handle-invalid', { reason });
}
