/**
 * Which master's term each part of the log is of: one entry per term, from its first record on. What was not read since the
 * log was opened is not known here.
 */
import type { EpochStart } from '../../../common/model/broker-group.ts';
import type { Epoch } from '../../../common/model/offsets.ts';

/** A term ends with a failure or a switchover: this many are years. Older ones are forgotten. */
const STARTS_MAX = 1024;

export class EpochStarts {
  #starts: EpochStart[] = [];

  /** Oldest first. The first one may have started earlier than it says. */
  get starts(): readonly EpochStart[] {
    return this.#starts;
  }

  /** A record of `epoch` stands at `offset`. */
  note(epoch: Epoch, offset: number): void {
    const last = this.#starts.at(-1);
    if (last !== undefined && epoch <= last.epoch) return;
    this.#starts.push({ epoch, startOffset: offset });
    if (this.#starts.length > STARTS_MAX) this.#starts.shift();
  }

  /** Epoch of the last record below `end`; undefined when no such record was noted. */
  lastBelow(end: number): Epoch | undefined {
    return this.#starts.findLast(({ startOffset }) => startOffset < end)?.epoch;
  }

  /** Records at and above `end` are gone. */
  truncateTo(end: number): void {
    this.#starts = this.#starts.filter(({ startOffset }) => startOffset < end);
  }
}
