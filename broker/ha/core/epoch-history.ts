import { assert } from '../../../common/assert.ts';
import type { EpochStart } from '../../../common/model/broker-group.ts';
import { epoch as epochOf } from '../../../common/model/offsets.ts';

/** Terms that are remembered; of a log with more, the oldest are unknown, which costs a slave that old a snapshot. */
const EPOCHS_MAX = 1_024;

/**
 * Which epoch each record of a log belongs to, as the offsets at which epochs begin.
 *
 * Invariant: epochs and start offsets rise strictly. An epoch has one master, so that the records of one epoch are the same in
 * every log that has them, up to where the shorter one ends; and whoever has a record of an epoch has everything that its
 * master had when it began. So two logs that know of the same epoch at the same start are equal up to the nearer end of it.
 */
export class EpochHistory {
  #starts: readonly EpochStart[];

  constructor(starts: readonly EpochStart[] = []) {
    assert(isRising(starts), 'epochs and their starts rise');
    this.#starts = starts.slice(-EPOCHS_MAX);
  }

  get starts(): readonly EpochStart[] {
    return this.#starts;
  }

  /** 0 while nothing is known. */
  get lastEpoch(): number {
    return this.#starts.at(-1)?.epoch ?? 0;
  }

  /** A new epoch; one that starts at the same offset has no record and gives way. */
  begin(epoch: number, startOffset: number): void {
    const kept = this.#starts.filter((known) => known.startOffset !== startOffset);
    const last = kept.at(-1);
    assert(
      last === undefined || (last.epoch < epoch && last.startOffset < startOffset),
      `epoch ${epoch} at ${startOffset} follows ${last?.epoch} at ${last?.startOffset}`,
    );
    this.#starts = [...kept, { epoch: epochOf(epoch), startOffset }].slice(-EPOCHS_MAX);
  }

  /** The log ends at `offset` now: epochs that begin there or later have no record. */
  truncateTo(offset: number): void {
    this.#starts = this.#starts.filter((known) => known.startOffset < offset);
  }

  /** Takes another log's terms for the own ones: the log is about to be filled with that one's records. */
  replace(starts: readonly EpochStart[]): void {
    assert(isRising(starts), 'epochs and their starts rise');
    this.#starts = starts.slice(-EPOCHS_MAX);
  }

  /** Epoch of the record at `offset`; 0 when it is older than what is known. */
  epochAt(offset: number): number {
    return this.#starts.findLast((known) => known.startOffset <= offset)?.epoch ?? 0;
  }

  /** First offset behind `offset` that belongs to another epoch, at most `logEnd`. */
  endOfEpochAt(offset: number, logEnd: number): number {
    const next = this.#starts.find((known) => known.startOffset > offset);
    return Math.min(next?.startOffset ?? logEnd, logEnd);
  }

  /**
   * The newest offset up to which this log, which ends at `ownEnd`, and another one are known to be equal. Undefined when no
   * epoch is known to both, and at least one of them does not know how its log began.
   */
  commonOffset(
    ownEnd: number,
    theirs: readonly EpochStart[],
    theirEnd: number,
  ): number | undefined {
    if (ownEnd === 0 || theirEnd === 0) return 0;
    const other = new EpochHistory(theirs);
    for (const { epoch, startOffset } of this.#starts.toReversed()) {
      const isShared = other.#starts.some(
        (known) => known.epoch === epoch && known.startOffset === startOffset,
      );
      if (isShared && startOffset <= Math.min(ownEnd, theirEnd)) {
        return Math.min(
          this.endOfEpochAt(startOffset, ownEnd),
          other.endOfEpochAt(startOffset, theirEnd),
        );
      }
    }
    return this.#isWhole && other.#isWhole ? 0 : undefined;
  }

  /** Whether it reaches back to the first record of the group. */
  get #isWhole(): boolean {
    return this.#starts[0]?.startOffset === 0;
  }
}

/** Whether the list can be a history; for what comes from a file or another node. */
export function isRising(starts: readonly EpochStart[]): boolean {
  return starts.every((start, index) => {
    const before = starts[index - 1];
    return (
      before === undefined || (before.epoch < start.epoch && before.startOffset < start.startOffset)
    );
  });
}
