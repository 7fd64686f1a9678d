import type { Timers } from '../../common/environment/timers.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { physicalOffset } from '../../common/model/offsets.ts';
import type { CommitLog } from '../store/commit-log.ts';
import type { LogFailure } from '../store/group-commit.ts';
import type { LogRecord } from '../store/record-codec.ts';
import { RecordType } from '../store/record-type.ts';
import { isDiskError, isStoreError } from '../store/store-error.ts';
import type { BrokerState } from './broker-state.ts';

/** Records folded in one turn of the event loop: about 2 ms. */
const FOLDS_PER_TURN_MAX = 512;
/** Answered waiters are cut off the queue in steps of this. */
const WAITERS_TRIM = 1_024;

interface Waiter {
  readonly end: number;
  resolve(): void;
  reject(error: MqError): void;
}

export interface CommitPipelineOptions {
  /** How far the log is as durable as the cluster promises; never beyond what is written. */
  confirmOffset(): number;
  /** Whether it may be told that something has effect already; always without other members. */
  mayAnswer?(): boolean;
  /** The log's own bound of what waits to be written; for the error that names it. */
  readonly pendingBytes: number;
  /** Bytes that may wait to be confirmed: what slaves that hang cost in memory. No bound without slaves. */
  readonly unconfirmedBytes?: number;
  /** The log could not be read back for folding; it is tried again. */
  onUnreadable?(error: unknown): void;
}

/** Pause before the log is read again for folding after it could not be. */
const UNREADABLE_RETRY_MS = 1_000;

/**
 * From append to effect: a record is written by the log, folded into the state once the confirm offset has passed it, and
 * only then is whoever appended it answered. So nobody ever sees, or is told of, something that a failure could take back.
 */
export class CommitPipeline {
  readonly #log: CommitLog;
  readonly #state: BrokerState;
  readonly #timers: Timers;
  readonly #options: CommitPipelineOptions;
  /** By rising `end`, oldest at `#waitersHead`. */
  #waiters: Waiter[] = [];
  #waitersHead = 0;
  #foldScheduled = false;
  /** What is to be folded has left the log's memory, and is being read from the disk. */
  #isReading = false;
  /** Why nothing is taken any more, once this broker has stopped being the master. */
  #closedBy: MqError | undefined;
  #isPaused = false;

  constructor(log: CommitLog, state: BrokerState, timers: Timers, options: CommitPipelineOptions) {
    this.#log = log;
    this.#state = state;
    this.#timers = timers;
    this.#options = options;
    log.onAdvance(() => {
      this.advance();
    });
    log.onFailure((failure) => {
      this.#fail(failure);
    });
  }

  /** Bytes appended and not yet folded. */
  get unfoldedBytes(): number {
    return this.#log.endOffset - this.#state.foldedOffset;
  }

  /**
   * Appends one record and returns its physical offset at once; `whenFolded` waits for its effect. Throws `log-full` or
   * `log-failed`, in which case nothing was appended.
   */
  append(
    type: RecordType,
    payloadBytes: number,
    fill: (buffer: Buffer, at: number) => void,
  ): number {
    this.#requireOpen(type);
    const offset = this.#log.append(type, 0, payloadBytes, fill);
    if (offset === 'log-full') {
      const pendingBytes = this.#log.endOffset - this.#log.writtenOffset;
      throw new MqError('log-full', { pendingBytes, limitBytes: this.#options.pendingBytes });
    }
    if (offset === 'log-failed') {
      throw new MqError('log-failed', { reason: this.#log.failure?.message ?? 'it is closed' });
    }
    return offset;
  }

  appendBytes(type: RecordType, payload: Buffer): number {
    return this.append(type, payload.length, (buffer, at) => {
      payload.copy(buffer, at);
    });
  }

  /**
   * Resolves when everything appended so far has been folded; rejects with `outcome-unknown` when the log failed first, or
   * another broker became the master. What has been folded before may be taken back by a master that nobody here has heard of:
   * where that is possible it rejects with `no-master`.
   */
  whenFolded(): Promise<void> {
    const end = this.#log.endOffset;
    if (this.#closedBy !== undefined) return Promise.reject(this.#closedBy);
    if (this.#state.foldedOffset >= end) return this.#told();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ end, resolve, reject });
    });
  }

  #told(): Promise<void> {
    if (this.#options.mayAnswer?.() ?? true) return Promise.resolve();
    return Promise.reject(
      new MqError('no-master', { reason: 'another one may be elected by now' }),
    );
  }

  /**
   * Nothing is appended or folded from now on; whoever waits hears that the outcome is not known. The state stays as it is and
   * is not to be used any more.
   */
  close(reason: string): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = new MqError('no-master', { reason });
    const waiters = this.#waiters.slice(this.#waitersHead);
    this.#waiters = [];
    this.#waitersHead = 0;
    for (const waiter of waiters) waiter.reject(new MqError('outcome-unknown', { reason }));
  }

  /** Appends are refused from now on, for as long as it takes another broker to become the master, or until `resume`. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  /** Folds what the confirm offset has passed; called when the log advances, or when other members report. */
  advance(foldsMax = FOLDS_PER_TURN_MAX): void {
    if (this.#isReading || this.#closedBy !== undefined) return;
    const confirm = this.#options.confirmOffset();
    for (let folds = 0; this.#state.foldedOffset < confirm; folds++) {
      if (folds === foldsMax) {
        this.#advanceLater();
        break;
      }
      const record = this.#log.recordSync(physicalOffset(this.#state.foldedOffset));
      if (record === undefined) {
        void this.#foldFromDisk(confirm);
        break;
      }
      if (record.offset + record.bytes > confirm) break;
      this.#state.fold(record);
    }
    this.#answer();
  }

  /** After a restart, and where slaves are slow to confirm, what has to be folded is no longer in the log's memory. */
  async #foldFromDisk(confirm: number): Promise<void> {
    this.#isReading = true;
    try {
      for await (const records of this.#log.scan(
        physicalOffset(this.#state.foldedOffset),
        physicalOffset(confirm),
      )) {
        // Another master may have said meanwhile that less is confirmed, and the log may end earlier.
        const limit = Math.min(confirm, this.#options.confirmOffset());
        for (const record of records) {
          if (this.#closedBy !== undefined || record.offset + record.bytes > limit) return;
          this.#state.fold(record);
        }
        this.#answer();
        await this.#whenIndexHasRoom();
      }
    } catch (error) {
      if (!isStoreError(error) && !isDiskError(error)) throw error;
      this.#options.onUnreadable?.(error);
      await new Promise<void>((resolve) => this.#timers.after(UNREADABLE_RETRY_MS, resolve));
    } finally {
      this.#isReading = false;
    }
    this.#advanceLater();
  }

  async #whenIndexHasRoom(): Promise<void> {
    const { index } = this.#state;
    while (index.isSaturated() && index.failure === undefined && this.#closedBy === undefined)
      await index.relieved();
  }

  #requireOpen(type: RecordType): void {
    if (this.#closedBy !== undefined) throw this.#closedBy;
    if (this.#isPaused) throw new MqError('no-master', { reason: 'it is handing over' });
    const { unconfirmedBytes } = this.#options;
    // The first record of an epoch is what lets the others be confirmed.
    if (unconfirmedBytes === undefined || type === RecordType.Epoch) return;
    if (this.unfoldedBytes < unconfirmedBytes) return;
    throw new MqError('too-many-requests', {
      what: 'bytes that wait to be confirmed by slaves',
      limit: unconfirmedBytes,
    });
  }

  #advanceLater(): void {
    if (this.#foldScheduled) return;
    this.#foldScheduled = true;
    this.#timers.soon(() => {
      this.#foldScheduled = false;
      this.advance();
    });
  }

  #answer(): void {
    const folded = this.#state.foldedOffset;
    for (;;) {
      const waiter = this.#waiters[this.#waitersHead];
      if (waiter === undefined || waiter.end > folded) break;
      this.#waitersHead++;
      waiter.resolve();
    }
    if (this.#waitersHead === this.#waiters.length) {
      this.#waiters.length = 0;
      this.#waitersHead = 0;
    } else if (this.#waitersHead >= WAITERS_TRIM) {
      this.#waiters = this.#waiters.slice(this.#waitersHead);
      this.#waitersHead = 0;
    }
  }

  /** The log keeps nothing from `keptOffset` on: those records never happened, as far as anybody can say. */
  #fail(failure: LogFailure): void {
    this.advance(Infinity);
    const kept: LogRecord[] = [];
    for (let at = this.#state.foldedOffset; at < failure.keptOffset;) {
      const record = this.#log.recordSync(physicalOffset(at));
      // Only a master with slaves lags so far behind its log, and a failure ends its term: it appends nothing more.
      if (record === undefined) break;
      kept.push(record);
      at += record.bytes;
    }
    const waiters = this.#waiters.slice(this.#waitersHead);
    this.#waiters = waiters.filter((waiter) => waiter.end <= failure.keptOffset);
    this.#waitersHead = 0;
    this.#state.resetReservations(kept);
    for (const waiter of waiters) {
      if (waiter.end > failure.keptOffset)
        waiter.reject(new MqError('outcome-unknown', { reason: failure.message }));
    }
  }
}
