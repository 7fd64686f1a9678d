import { HEADER_BYTES, type LogRecord } from '../store/record-codec.ts';
import { RecordType } from '../store/record-type.ts';
import type { BrokerState } from './broker-state.ts';
import { MESSAGE_FIXED_BYTES, readMessagePlace } from './payload/message-record.ts';
import { readReference } from './payload/reference-record.ts';

interface Range {
  readonly start: number;
  end: number;
}

/** Index entries filled in before it is looked whether the index has room. */
const FILL_STEP = 4_096;

/**
 * Stretches of the log that `store repair` has replaced by Hole records, met while the whole log is folded. What stood there
 * is gone, but queue offsets are never used twice: the offsets of lost messages get index entries without a message, which
 * consumers pass over. Bound: one range per repaired damage.
 */
export class LostRanges {
  readonly #state: BrokerState;
  readonly #ranges: Range[] = [];
  #entries = 0;

  constructor(state: BrokerState) {
    this.#state = state;
  }

  /** In log order, neighbouring holes in one. */
  get ranges(): readonly Readonly<Range>[] {
    return this.#ranges;
  }

  /** Queue offsets whose message is known to be lost. */
  get lostMessages(): number {
    return this.#entries;
  }

  /** To be called with each record before it is folded. */
  async meet(record: LogRecord): Promise<void> {
    if (record.type === RecordType.Hole) this.#add(record);
    else if (this.#ranges.length > 0) await this.#bridge(record);
  }

  /**
   * After the fold: what snapshot and settlements know beyond the messages that are left. `ends`: end offsets that a
   * snapshot knows.
   */
  async finish(ends: Iterable<{ queueNo: number; end: number }>): Promise<void> {
    if (this.#ranges.length === 0) return;
    for (const { queueNo, end } of ends) await this.#extend(queueNo, end);
    for (const group of this.#state.groups.all()) {
      for (const { queues } of group.topics.values()) {
        for (const queue of queues) {
          let end = queue.committed + queue.spread;
          for (const { offset } of queue.allPending()) end = Math.max(end, offset + 1);
          await this.#extend(queue.queueNo, end);
        }
      }
    }
    const { relocations, idempotence } = this.#state;
    for (const { queueNo, offset, physical } of [...relocations.all()])
      if (this.#isLost(physical)) relocations.delete(queueNo, offset);
    idempotence.forget((physical) => this.#isLost(physical));
  }

  #add({ offset, bytes }: LogRecord): void {
    const last = this.#ranges.at(-1);
    if (last?.end === offset) last.end += bytes;
    else this.#ranges.push({ start: offset, end: offset + bytes });
  }

  async #bridge(record: LogRecord): Promise<void> {
    const { type, buffer, payloadStart, offset } = record;
    if (type !== RecordType.Message && type !== RecordType.Reference) return;
    // Both payloads begin with the place in a queue.
    const { topicId, queueId, queueOffset } = readMessagePlace(buffer, payloadStart);
    const queueNo = this.#state.topics.byId(topicId)?.queueNos[queueId];
    if (queueNo === undefined) return;
    if (this.#state.index.has(queueNo)) await this.#fill(queueNo, queueOffset);
    if (type !== RecordType.Reference) return;
    const { targetPhysical } = readReference(buffer, payloadStart);
    if (this.#isLost(targetPhysical) && this.#state.index.endOffset(queueNo) <= queueOffset) {
      // The fold meets this entry as its own, repeated.
      this.#state.index.appendGone(queueNo, queueOffset, 1, offset);
      this.#entries++;
    }
  }

  /** A queue whose last messages are lost goes on behind them; no more of them than the holes have room for. */
  async #extend(queueNo: number, wanted: number): Promise<void> {
    const { index } = this.#state;
    const end = index.endOffset(queueNo);
    if (wanted <= end) return;
    const bytes = this.#ranges.reduce((sum, range) => sum + range.end - range.start, 0);
    const isPossible = wanted - end <= bytes / (HEADER_BYTES + MESSAGE_FIXED_BYTES);
    if (index.minOffset(queueNo) < end && isPossible) await this.#fill(queueNo, wanted);
    else index.setMinOffset(queueNo, wanted);
  }

  /** Entries without a message up to `end`. They take the place of the last hole, which lies before all that follows. */
  async #fill(queueNo: number, end: number): Promise<void> {
    const { index } = this.#state;
    const physical = this.#ranges.at(-1)?.start ?? 0;
    for (let at = index.endOffset(queueNo); at < end; at = index.endOffset(queueNo)) {
      const count = Math.min(FILL_STEP, end - at);
      index.appendGone(queueNo, at, count, physical);
      this.#entries += count;
      while (index.isSaturated() && index.failure === undefined) await index.relieved();
    }
  }

  #isLost(physical: number): boolean {
    return this.#ranges.some(({ start, end }) => physical >= start && physical < end);
  }
}
