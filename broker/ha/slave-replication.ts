/**
 * The slave's side of replication, for one epoch: keeps a stream to the master, makes the own log a prefix of the master's, and
 * appends what comes. Whatever goes wrong with a stream ends it, and a new one starts with a handshake; what goes wrong with
 * the log is for the listener.
 */
import type { Environment } from '../../common/environment/environment.ts';
import type { TimerHandle } from '../../common/environment/timers.ts';
import type { Logger } from '../../common/log/logger.ts';
import { RateLimitedLog } from '../../common/log/rate-limited-log.ts';
import { type Epoch, epoch as epochOf, physicalOffset } from '../../common/model/offsets.ts';
import type {
  LogBatch,
  MasterFrame,
  MasterWelcome,
} from '../../common/model/replication-frames.ts';
import type { RpcChannel, RpcStream } from '../../common/rpc/rpc-channel.ts';
import {
  decodeMasterFrame,
  encodeHandshake,
  encodeReplicaAck,
  REPLICATE_PATH,
} from '../../common/wire/replication-codec.ts';
import { reconnectDelayMs } from '../registration/core/reconnect-delay.ts';
import { RECORD_BYTES_MAX } from '../store/record-codec.ts';
import { isDiskError, isStoreError } from '../store/store-error.ts';
import { RawAppender } from './raw-appender.ts';
import type { ReplicaFile } from './replica-file.ts';
import { type AppendableLog, type ReplicationOptions, silenceMsMax } from './replicated-log.ts';

/** A group waits for its slaves after a failover: they come back sooner than to a NameServer. */
const RECONNECT_MS_MAX = 500;
/** Appended in one turn of the event loop: about 1 ms, checksums included. */
const TURN_BYTES_MAX = 1024 * 1024;

export interface SlaveListener {
  /** May be folded up to `confirmOffset`: confirmed by the master, and here as durable as the flush mode promises. */
  confirmed(confirmOffset: number, masterStartOffset: number, masterEndOffset: number): void;
  following(isFollowing: boolean): void;
  /** The logs part below what was folded: nothing was done, and the stream is stopped. */
  mustRewind(commonOffset: number): void;
  /** The master's log does not reach back far enough: the stream is stopped. */
  mustInstallSnapshot(): void;
  higherEpoch(epoch: number): void;
}

export interface SlaveReplicationPorts {
  readonly log: AppendableLog;
  readonly replica: ReplicaFile;
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>;
  readonly logger: Logger;
  readonly options: ReplicationOptions;
  readonly brokerName: string;
  readonly memberName: string;
  readonly runId: string;
  foldedOffset(): number;
  /** How far the own log is as durable as its flush mode promises. */
  ackOffset(): number;
  /** A new channel each time, so that the name is resolved anew. */
  connect(): RpcChannel;
  readonly listener: SlaveListener;
}

/** One attempt to follow: from connecting to the end of the stream. */
interface Session {
  readonly channel: RpcChannel;
  readonly stream: RpcStream;
  heardMs: number;
  isWelcome: boolean;
  isFollowing: boolean;
  /** Number of the last batch that arrived. */
  lastBatch: number;
  /** Arrived and not yet appended. Bounded by the master's window; a master that does not keep it is left. */
  queue: LogBatch[];
  queuedBytes: number;
}

export class SlaveReplication {
  readonly #ports: SlaveReplicationPorts;
  readonly #epoch: Epoch;
  readonly #floods: RateLimitedLog;
  readonly #appender: RawAppender;
  #session: Session | undefined;
  /** What is done with the log, one thing after another; never rejects but for bugs. */
  #work: Promise<void> = Promise.resolve();
  #isWorking = false;
  #timer: TimerHandle | undefined;
  #silenceTimer: TimerHandle | undefined;
  #failures = 0;
  #isStopped = false;
  #isAckDue = false;
  #ackedOffset = -1;
  #confirmOffset = 0;
  #toldConfirmOffset = -1;
  #masterStartOffset = 0;
  #masterEndOffset = 0;

  constructor(ports: SlaveReplicationPorts, epoch: number) {
    this.#ports = ports;
    this.#epoch = epochOf(epoch);
    this.#floods = new RateLimitedLog(ports.logger, ports.environment.clock);
    this.#appender = new RawAppender(ports.log, ports.replica);
    ports.log.onAdvance(() => {
      if (this.#isStopped) return;
      this.#appender.logAdvanced();
      this.#tellConfirmed();
      if (this.#session?.isFollowing === true && ports.ackOffset() !== this.#ackedOffset)
        this.#ackSoon(this.#session);
    });
  }

  start(): void {
    this.#connect();
  }

  /** Connected to the master, past the handshake and with a log that is a prefix of its log. */
  get isFollowing(): boolean {
    return this.#session?.isFollowing === true;
  }

  /** How far the own log is behind what the master's was when it last spoke. */
  lagBytes(): number {
    return Math.max(0, this.#masterEndOffset - this.#ports.log.endOffset);
  }

  /** When it resolves nothing is appended by it any more. */
  async stop(): Promise<void> {
    this.#halt();
    await this.#work;
  }

  #halt(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#close();
    this.#appender.stop();
  }

  #connect(): void {
    const { log, replica, environment, brokerName, memberName, runId } = this.#ports;
    const channel = this.#ports.connect();
    const stream = channel.openStream(
      REPLICATE_PATH,
      {},
      {
        message: (bytes) => {
          if (this.#session === session) this.#received(session, bytes);
        },
        closed: (error) => {
          if (this.#session === session) this.#lost(error?.message ?? 'it ended the stream');
        },
      },
    );
    const session: Session = {
      channel,
      stream,
      heardMs: environment.clock.monotonicMs(),
      isWelcome: false,
      isFollowing: false,
      lastBatch: 0,
      queue: [],
      queuedBytes: 0,
    };
    this.#session = session;
    stream.send(
      encodeHandshake({
        brokerName,
        memberName,
        runId,
        epoch: this.#epoch,
        // What was written before the group had a first master is known by nothing but its place: it may be another log.
        epochs: replica.history.starts.filter(
          ({ epoch }) => epoch > 0 || !replica.isOwnEpoch(epoch),
        ),
        logStartOffset: log.startOffset,
        logEndOffset: log.endOffset,
        foldedOffset: this.#ports.foldedOffset(),
      }),
    );
    this.#watchSilence(session);
  }

  #watchSilence(session: Session): void {
    const { timers, clock } = this.#ports.environment;
    const silentMsMax = silenceMsMax(this.#ports.options);
    this.#silenceTimer = timers.after(silentMsMax / 2, () => {
      if (this.#session !== session) return;
      const silentMs = clock.monotonicMs() - session.heardMs;
      if (silentMs > silentMsMax) this.#lost(`it was silent for ${Math.round(silentMs)} ms`);
      else this.#watchSilence(session);
    });
  }

  #received(session: Session, bytes: Buffer): void {
    let frame: MasterFrame;
    try {
      frame = decodeMasterFrame(bytes);
    } catch (error) {
      this.#lost((error as Error).message);
      return;
    }
    session.heardMs = this.#ports.environment.clock.monotonicMs();
    const epoch = frameEpoch(frame);
    if (epoch > this.#epoch) {
      this.#lost(`it knows of epoch ${epoch}, this member of ${this.#epoch}`);
      this.#ports.listener.higherEpoch(epoch);
    } else if (frame.kind === 'refusal') {
      this.#lost(`it refused: ${frame.refusal.reason}`);
    } else if (epoch < this.#epoch) {
      this.#lost(`it is the master of epoch ${epoch}, which is over`);
    } else if (frame.kind === 'welcome') {
      this.#welcomed(session, frame.welcome);
    } else {
      this.#batchArrived(session, frame.batch);
    }
  }

  #welcomed(session: Session, welcome: MasterWelcome): void {
    const { log, listener } = this.#ports;
    const { commonOffset } = welcome;
    if (session.isWelcome) {
      this.#lost('a second welcome came');
      return;
    }
    session.isWelcome = true;
    if (welcome.needsSnapshot) {
      this.#ports.logger.warn(
        'the master has deleted what would have to follow: a snapshot is needed',
        {
          logEnd: log.endOffset,
        },
      );
      this.#halt();
      listener.mustInstallSnapshot();
    } else if (commonOffset > log.endOffset) {
      this.#lost(`it starts at ${commonOffset}, the log ends at ${log.endOffset}`);
    } else if (commonOffset < log.endOffset && commonOffset < this.#ports.foldedOffset()) {
      this.#halt();
      listener.mustRewind(commonOffset);
    } else {
      this.#enqueue(() => this.#begin(session, commonOffset));
    }
  }

  /** The own log becomes a prefix of the master's; from then on acks mean something. */
  async #begin(session: Session, commonOffset: number): Promise<void> {
    const { log, replica, logger, listener } = this.#ports;
    if (this.#session !== session) return;
    if (commonOffset < log.endOffset) {
      logger.warn('records that the group does not have are cut off', {
        from: commonOffset,
        bytes: log.endOffset - commonOffset,
      });
      await log.truncateTo(physicalOffset(commonOffset));
    }
    await replica.truncateHistory(commonOffset);
    if (this.#session !== session) return;
    session.isFollowing = true;
    this.#ackedOffset = -1;
    this.#ackNow(session);
    listener.following(true);
  }

  #batchArrived(session: Session, batch: LogBatch): void {
    const { options } = this.#ports;
    if (!session.isFollowing || batch.batch !== session.lastBatch + 1) {
      this.#lost(`batch ${batch.batch} came after ${session.lastBatch}`);
      return;
    }
    session.lastBatch = batch.batch;
    session.queue.push(batch);
    session.queuedBytes += batch.records.length;
    const bytesMax =
      options.replicationWindowBytes + options.replicationBatchBytes + RECORD_BYTES_MAX;
    if (session.queuedBytes > bytesMax) {
      this.#lost(`it sent ${session.queuedBytes} bytes that were not acked`);
      return;
    }
    this.#ackSoon(session);
    if (!this.#isWorking) this.#enqueue(() => this.#appendAll(session));
  }

  async #appendAll(session: Session): Promise<void> {
    this.#isWorking = true;
    let turnBytes = 0;
    try {
      while (this.#session === session) {
        const batch = session.queue.shift();
        if (batch === undefined) return;
        session.queuedBytes -= batch.records.length;
        const problem = await this.#append(batch);
        if (this.#session !== session) return;
        if (problem !== undefined) {
          this.#lost(problem);
          return;
        }
        this.#appended(batch);
        turnBytes += batch.records.length;
        if (turnBytes >= TURN_BYTES_MAX) {
          turnBytes = 0;
          await new Promise<void>((resolve) => {
            this.#ports.environment.timers.soon(resolve);
          });
        }
      }
    } finally {
      this.#isWorking = false;
    }
  }

  async #append(batch: LogBatch): Promise<string | undefined> {
    const { log } = this.#ports;
    if (batch.offset !== log.endOffset)
      return `a batch starts at ${batch.offset}, the log ends at ${log.endOffset}`;
    return batch.records.length === 0
      ? undefined
      : this.#appender.append(batch.records, this.#epoch);
  }

  #appended(batch: LogBatch): void {
    if (batch.records.length > 0) this.#failures = 0;
    this.#masterStartOffset = batch.logStartOffset;
    this.#masterEndOffset = batch.logEndOffset;
    this.#confirmOffset = Math.max(this.#confirmOffset, batch.confirmOffset);
    this.#toldConfirmOffset = -1;
    this.#tellConfirmed();
  }

  /** What is folded can never be taken back: nothing beyond what this member itself will still have. */
  #tellConfirmed(): void {
    const offset = Math.min(this.#confirmOffset, this.#ports.ackOffset());
    if (offset <= this.#toldConfirmOffset) return;
    this.#toldConfirmOffset = offset;
    this.#ports.listener.confirmed(offset, this.#masterStartOffset, this.#masterEndOffset);
  }

  #ackSoon(session: Session): void {
    if (this.#isAckDue) return;
    this.#isAckDue = true;
    this.#ports.environment.timers.soon(() => {
      this.#isAckDue = false;
      if (this.#session === session) this.#ackNow(session);
    });
  }

  #ackNow(session: Session): void {
    if (!session.isFollowing) return;
    this.#ackedOffset = this.#ports.ackOffset();
    session.stream.send(
      encodeReplicaAck({ ackedOffset: this.#ackedOffset, batch: session.lastBatch }),
    );
  }

  /** A failure of the disk ends the stream: the next handshake tells how far the log has come. */
  #enqueue(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      if (!isDiskError(error) && !isStoreError(error)) throw error;
      if (this.#session !== undefined) this.#lost(error.message);
    });
  }

  #lost(reason: string): void {
    this.#close();
    if (this.#isStopped) return;
    this.#floods.log('warn', `lost ${reason.replace(/\d+/g, '#')}`, 'not following; trying on', {
      reason,
    });
    const { timers, random } = this.#ports.environment;
    const delayMs = Math.min(RECONNECT_MS_MAX, reconnectDelayMs(this.#failures, random.uint32()));
    this.#failures += 1;
    this.#timer = timers.after(delayMs, () => {
      // What the last stream left to do with the log comes first.
      void this.#work.then(() => {
        if (!this.#isStopped) this.#connect();
      });
    });
  }

  #close(): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    this.#silenceTimer?.cancel();
    this.#appender.giveUp();
    session.queue = [];
    session.stream.cancel();
    session.channel.close();
    if (session.isFollowing) this.#ports.listener.following(false);
  }
}

function frameEpoch(frame: MasterFrame): number {
  if (frame.kind === 'welcome') return frame.welcome.epoch;
  return frame.kind === 'batch' ? frame.batch.epoch : frame.refusal.epoch;
}
