import {
  HEADER_BYTES,
  inspectRecord,
  readEpoch,
  readLength,
  readType,
} from '../store/record-codec.ts';
import { RecordType } from '../store/record-type.ts';
import type { ReplicaFile } from './replica-file.ts';
import type { AppendableLog, RawAppend } from './replicated-log.ts';

/** Appends records of another member to the own log, each epoch announced in the member's file before its first record. */
export class RawAppender {
  readonly #log: AppendableLog;
  readonly #replica: ReplicaFile;
  #wakeUp: (() => void) | undefined;
  #givenUp = 0;
  #isStopped = false;

  constructor(log: AppendableLog, replica: ReplicaFile) {
    this.#log = log;
    this.#replica = replica;
  }

  /** The log has written something: there may be room. */
  logAdvanced(): void {
    this.#wake();
  }

  /** Whoever appends is not interested any more; what was taken already stays. */
  giveUp(): void {
    this.#givenUp += 1;
    this.#wake();
  }

  stop(): void {
    this.#isStopped = true;
    this.giveUp();
  }

  /**
   * Appends the records, none of which may be of a later epoch than `masterEpoch`; answers what is wrong when not all of
   * them could be appended. One call at a time.
   */
  async append(records: Buffer, masterEpoch: number): Promise<string | undefined> {
    const givenUp = this.#givenUp;
    let start = 0;
    while (start < records.length) {
      const run = runOfEpoch(records, start);
      const problem = await this.#announce(records, start, run, masterEpoch);
      if (problem !== undefined) return problem;
      const piece = records.subarray(start, run.end);
      for (;;) {
        if (this.#isStopped || this.#givenUp !== givenUp) return 'it was given up';
        const outcome = this.#log.appendRaw(piece);
        if (outcome.kind === 'appended') break;
        if (outcome.kind !== 'log-full') return refusalText(outcome);
        await this.#advance();
      }
      start = run.end;
    }
    return undefined;
  }

  /** The member's file names the epoch before the log has a record of it. Answers what is wrong with the records. */
  async #announce(
    records: Buffer,
    start: number,
    { epoch, epochFrom }: Run,
    masterEpoch: number,
  ): Promise<string | undefined> {
    if (epoch === undefined) return undefined;
    const { history } = this.#replica;
    const isKnown = epoch === history.lastEpoch && history.starts.length > 0;
    if (isKnown && !this.#replica.isOwnEpoch(epoch)) return undefined;
    // A damaged epoch must not get into the file: nothing would take it out again.
    const offset = this.#log.endOffset + epochFrom - start;
    const state = inspectRecord(records, epochFrom, records.length, offset);
    if (state !== 'ok') return `damaged records came: ${state} at ${offset}`;
    if (epoch > masterEpoch || epoch < history.lastEpoch)
      return `a record of epoch ${epoch} came at ${offset}, after ${history.lastEpoch}`;
    await this.#replica.beginEpoch(epoch, offset, false);
    return undefined;
  }

  #advance(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeUp = resolve;
    });
  }

  #wake(): void {
    const wakeUp = this.#wakeUp;
    this.#wakeUp = undefined;
    wakeUp?.();
  }
}

/** Records that may be appended together: of one epoch, and holes, which have none. */
interface Run {
  readonly end: number;
  readonly epoch: number | undefined;
  /** First record that has the epoch. */
  readonly epochFrom: number;
}

/** The run from `start` on. Reads no further than lengths make sense; what follows is for the log to refuse. */
function runOfEpoch(records: Buffer, start: number): Run {
  let epoch: number | undefined;
  let epochFrom = start;
  for (let at = start; records.length - at >= HEADER_BYTES;) {
    if (readType(records, at) !== RecordType.Hole) {
      const own = readEpoch(records, at);
      if (epoch !== undefined && own !== epoch) return { end: at, epoch, epochFrom };
      if (epoch === undefined) epochFrom = at;
      epoch = own;
    }
    const length = readLength(records, at);
    if (length < HEADER_BYTES) break;
    at += length;
  }
  return { end: records.length, epoch, epochFrom };
}

function refusalText(outcome: Exclude<RawAppend, { kind: 'appended' | 'log-full' }>): string {
  return outcome.kind === 'damaged'
    ? `damaged records came: ${outcome.state} at ${outcome.offset}`
    : 'the own log does not take records';
}
