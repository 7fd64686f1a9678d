import type { Environment } from '../../common/environment/environment.ts';
import { type Epoch, physicalOffset } from '../../common/model/offsets.ts';
import type { ReplicaAck } from '../../common/model/replication-frames.ts';
import type { BidiStream } from '../../common/rpc/service-table.ts';
import { encodeLogBatch } from '../../common/wire/replication-codec.ts';
import type { EpochHistory } from './core/epoch-history.ts';
import type { ReadGate } from './read-gate.ts';
import type { ReadableLog, ReplicationOptions } from './replicated-log.ts';

/** Batches that a slave has not answered; beyond it nothing is sent. Bounds what is remembered of them. */
const UNANSWERED_MAX = 1_024;
const EMPTY = Buffer.alloc(0);

export interface BatchSenderPorts {
  readonly log: ReadableLog;
  readonly history: EpochHistory;
  readonly environment: Pick<Environment, 'clock' | 'timers'>;
  readonly options: ReplicationOptions;
  readonly gate: ReadGate;
  readonly epoch: Epoch;
  readonly stream: BidiStream;
  confirmOffset(): number;
}

interface SentBatch {
  readonly number: number;
  readonly sentAtMs: number;
}

/**
 * Sends the log to one slave, from an offset that both have. Bounds: `replicationWindowBytes` that the slave has not acked (and
 * one record), what the stream takes before it asks us to wait (and one batch), one read of the disk over all slaves.
 */
export class BatchSender {
  readonly #ports: BatchSenderPorts;
  /** First byte that was not sent. */
  #nextOffset: number;
  #ackedOffset: number;
  #lastBatch = 0;
  #unanswered: SentBatch[] = [];
  #answeredSentAtMs: number;
  #isBeatDue = false;
  /** The last read went to the disk: the slave is far behind. */
  #isBehind = false;
  #isOver = false;
  #wakeUp: (() => void) | undefined;

  constructor(ports: BatchSenderPorts, fromOffset: number, welcomeSentAtMs: number) {
    this.#ports = ports;
    this.#nextOffset = fromOffset;
    this.#ackedOffset = fromOffset;
    this.#answeredSentAtMs = welcomeSentAtMs;
  }

  /** When the newest batch that the slave has answered was sent. */
  get answeredSentAtMs(): number {
    return this.#answeredSentAtMs;
  }

  /** There may be more to send. */
  wake(): void {
    const wakeUp = this.#wakeUp;
    this.#wakeUp = undefined;
    wakeUp?.();
  }

  beat(): void {
    this.#isBeatDue = true;
    this.wake();
  }

  /** Answers what is wrong with the ack, if anything. */
  acked({ ackedOffset, batch }: ReplicaAck): string | undefined {
    if (batch > this.#lastBatch) return `batch ${batch} was acked, ${this.#lastBatch} were sent`;
    if (ackedOffset > this.#nextOffset)
      return `offset ${ackedOffset} was acked, the log was sent up to ${this.#nextOffset}`;
    this.#ackedOffset = Math.max(this.#ackedOffset, ackedOffset);
    const answered = this.#unanswered.findLastIndex((sent) => sent.number <= batch);
    const last = this.#unanswered[answered];
    if (last !== undefined) {
      this.#answeredSentAtMs = last.sentAtMs;
      this.#unanswered.splice(0, answered + 1);
    }
    this.wake();
    return undefined;
  }

  stop(): void {
    this.#isOver = true;
    this.wake();
  }

  /** Resolves after `stop`; rejects when the log cannot be read. */
  async run(): Promise<void> {
    while (!this.#isOver) {
      const hasRoom = this.#unanswered.length < UNANSWERED_MAX;
      if (hasRoom && this.#mayRead()) await this.#sendRecords();
      else if (hasRoom && this.#isBeatDue) await this.#send(EMPTY);
      else await this.#woken();
    }
  }

  #mayRead(): boolean {
    const { log, options } = this.#ports;
    const unackedBytes = this.#nextOffset - this.#ackedOffset;
    const hasWindow =
      unackedBytes === 0 ||
      unackedBytes + options.replicationBatchBytes <= options.replicationWindowBytes;
    return hasWindow && log.writtenOffset > this.#nextOffset;
  }

  async #sendRecords(): Promise<void> {
    const { log, history, options, gate, environment } = this.#ports;
    const from = this.#nextOffset;
    const end = history.endOfEpochAt(from, log.writtenOffset);
    const bytesMax = Math.min(options.replicationBatchBytes, end - from);
    const read = (): Buffer | Promise<Buffer> => this.#read(from, bytesMax);
    const records = await (this.#isBehind ? gate.run(read) : read());
    if (this.#isOver) return;
    // A log that has failed gives no more: its master is about to resign.
    if (records.length === 0) return this.#woken();
    await this.#send(records);
    // What producers and consumers of the master wait for comes between two reads of old log.
    if (this.#isBehind)
      await new Promise<void>((resolve) => {
        environment.timers.soon(resolve);
      });
  }

  #read(from: number, bytesMax: number): Buffer | Promise<Buffer> {
    const reading = this.#ports.log.readBatch(physicalOffset(from), bytesMax);
    this.#isBehind = !Buffer.isBuffer(reading);
    return reading;
  }

  async #send(records: Buffer): Promise<void> {
    const { log, environment, epoch, stream } = this.#ports;
    this.#isBeatDue = false;
    this.#lastBatch += 1;
    const offset = this.#nextOffset;
    this.#nextOffset += records.length;
    this.#unanswered.push({
      number: this.#lastBatch,
      sentAtMs: environment.clock.monotonicMs(),
    });
    await stream.send(
      encodeLogBatch({
        epoch,
        batch: this.#lastBatch,
        offset,
        records,
        confirmOffset: this.#ports.confirmOffset(),
        logStartOffset: log.startOffset,
        logEndOffset: log.writtenOffset,
      }),
    );
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeUp = resolve;
    });
  }
}
