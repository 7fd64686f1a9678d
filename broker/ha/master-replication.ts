/**
 * The master's side of replication, for one term: takes the streams of the slaves, sends them the log, and keeps what follows
 * from their answers (core/sync-state.ts). It decides nothing about terms; the controller does.
 */
import type { Environment } from '../../common/environment/environment.ts';
import type { TimerHandle } from '../../common/environment/timers.ts';
import type { Logger } from '../../common/log/logger.ts';
import { RateLimitedLog } from '../../common/log/rate-limited-log.ts';
import type { GroupTerms } from '../../common/model/broker-group.ts';
import type {
  ReplicaAck,
  ReplicaFrame,
  ReplicaHandshake,
} from '../../common/model/replication-frames.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import type { BidiListener, BidiStream, CallContext } from '../../common/rpc/service-table.ts';
import {
  decodeReplicaFrame,
  encodeRefusal,
  encodeWelcome,
} from '../../common/wire/replication-codec.ts';
import { isStoreError } from '../store/store-error.ts';
import { BatchSender } from './batch-sender.ts';
import type { EpochHistory } from './core/epoch-history.ts';
import { SyncState } from './core/sync-state.ts';
import { ReadGate } from './read-gate.ts';
import { type ReadableLog, type ReplicationOptions, silenceMsMax } from './replicated-log.ts';

/** Time from the opening of a stream to its handshake. */
const HANDSHAKE_MS_MAX = 5_000;

export interface MasterReplicationPorts {
  readonly log: ReadableLog;
  readonly history: EpochHistory;
  readonly environment: Pick<Environment, 'clock' | 'timers'>;
  readonly logger: Logger;
  readonly options: ReplicationOptions;
  readonly brokerName: string;
  readonly memberName: string;
  /** How far the own log is as durable as its flush mode promises. */
  ownEnd(): number;
  /** Whether an acknowledgement needs nobody else now: by the lease, or because there is nobody else. */
  mayAckAlone(): boolean;
  /** The confirm offset may have moved. */
  onProgress(): void;
  /** Followers came or went, or another set is wanted. */
  onStatus(): void;
  /** Somebody knows of a later term: this one is over. */
  onHigherEpoch(epoch: number): void;
}

/** One stream of a slave, from its opening to its end. */
interface Session {
  readonly stream: BidiStream;
  readonly peer: string;
  readonly handshakeTimer: TimerHandle;
  member: string;
  sender: BatchSender | undefined;
  /** The slave has truncated its log and says how far it goes. */
  isFollowing: boolean;
  heardMs: number;
  isOver: boolean;
}

interface CatchUpWaiter {
  readonly member: string;
  readonly timer: TimerHandle;
  resolve(isCaughtUp: boolean): void;
}

export class MasterReplication {
  readonly sync: SyncState;
  readonly #ports: MasterReplicationPorts;
  readonly #floods: RateLimitedLog;
  readonly #gate = new ReadGate();
  /** By member: the stream past its handshake. */
  readonly #sessions = new Map<string, Session>();
  /** One per hand-over that waits. */
  #waiters: CatchUpWaiter[] = [];
  #beatTimer: TimerHandle | undefined;
  #wanted = '';
  #isStopped = false;

  constructor(ports: MasterReplicationPorts, terms: GroupTerms) {
    this.#ports = ports;
    this.#floods = new RateLimitedLog(ports.logger, ports.environment.clock);
    this.sync = new SyncState(terms, ports.memberName, this.#nowMs(), ports.options);
    ports.log.onAdvance(() => {
      for (const session of this.#sessions.values()) session.sender?.wake();
    });
    this.#beatLater();
  }

  get epoch(): number {
    return this.sync.terms.epoch;
  }

  confirmOffset(): number {
    return this.sync.confirmOffset(this.#ports.ownEnd(), this.#ports.mayAckAlone());
  }

  updateTerms(terms: GroupTerms): void {
    this.sync.applyTerms(terms, this.#nowMs());
    for (const session of [...this.#sessions.values()])
      if (!this.#isMember(session.member)) this.#end(session, 'it is not a member any more');
    this.#ports.onProgress();
    this.#statusMayHaveChanged();
  }

  /** The Replicate handler while this member is the master. */
  open(call: Pick<CallContext, 'peer'>, stream: BidiStream): BidiListener {
    const session: Session = {
      stream,
      peer: call.peer,
      handshakeTimer: this.#ports.environment.timers.after(HANDSHAKE_MS_MAX, () => {
        if (session.sender === undefined) this.#end(session, 'no handshake came');
      }),
      member: '',
      sender: undefined,
      isFollowing: false,
      heardMs: this.#nowMs(),
      isOver: false,
    };
    return {
      message: (bytes) => {
        if (!session.isOver) this.#received(session, bytes);
      },
      halfClosed: () => {
        this.#end(session, 'the slave ended it');
      },
      closed: () => {
        this.#gone(session, 'the connection ended');
      },
    };
  }

  /** Resolves with true as soon as the member has acked everything that the log holds. */
  whenCaughtUp(member: string, timeoutMs: number): Promise<boolean> {
    if (this.#isStopped) return Promise.resolve(false);
    if (this.#isCaughtUp(member)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter: CatchUpWaiter = {
        member,
        timer: this.#ports.environment.timers.after(timeoutMs, () => {
          this.#waiters = this.#waiters.filter((other) => other !== waiter);
          resolve(false);
        }),
        resolve,
      };
      this.#waiters.push(waiter);
    });
  }

  /** The term is over: nothing is sent or counted any more. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#beatTimer?.cancel();
    for (const session of [...this.#sessions.values()]) this.#end(session, 'the term is over');
    for (const waiter of this.#waiters) {
      waiter.timer.cancel();
      waiter.resolve(false);
    }
    this.#waiters = [];
  }

  #received(session: Session, bytes: Buffer): void {
    let frame: ReplicaFrame;
    try {
      frame = decodeReplicaFrame(bytes);
    } catch (error) {
      this.#end(session, (error as Error).message);
      return;
    }
    session.heardMs = this.#nowMs();
    if (frame.kind === 'handshake') {
      if (session.sender === undefined) this.#handshake(session, frame.handshake);
      else this.#end(session, 'a second handshake came');
    } else if (session.sender === undefined) {
      this.#end(session, 'an ack came before the handshake');
    } else {
      this.#acked(session, session.sender, frame.ack);
    }
  }

  #handshake(session: Session, handshake: ReplicaHandshake): void {
    const refusal = this.#refusalOf(handshake);
    if (refusal !== undefined) {
      this.#refuse(session, handshake, refusal);
      return;
    }
    const { log, history, environment, options } = this.#ports;
    const commonOffset = this.#commonOffset(handshake);
    const needsSnapshot = commonOffset < log.startOffset;
    session.member = handshake.memberName;
    const welcomeSentAtMs = this.#nowMs();
    const { epoch } = this.sync.terms;
    const welcome = { epoch, commonOffset, needsSnapshot, epochs: history.starts };
    void session.stream.send(encodeWelcome(welcome));
    this.#ports.logger.info('slave connected', {
      slave: session.member,
      peer: session.peer,
      commonOffset,
      slaveEnd: handshake.logEndOffset,
      needsSnapshot,
    });
    if (needsSnapshot) {
      this.#end(session, 'the slave needs a snapshot');
      return;
    }
    const older = this.#sessions.get(session.member);
    if (older !== undefined) this.#end(older, 'a newer stream of the slave replaces it');
    this.#sessions.set(session.member, session);
    session.sender = new BatchSender(
      {
        ...{ log, history, environment, options, epoch },
        gate: this.#gate,
        stream: session.stream,
        confirmOffset: () => this.confirmOffset(),
      },
      commonOffset,
      welcomeSentAtMs,
    );
  }

  #refusalOf(handshake: ReplicaHandshake): string | undefined {
    const { brokerName, memberName } = this.#ports;
    if (this.#isStopped) return 'it is not the master any more';
    if (handshake.brokerName !== brokerName)
      return `it belongs to group ${brokerName}, not to ${handshake.brokerName}`;
    if (handshake.memberName === memberName || !this.#isMember(handshake.memberName))
      return `${handshake.memberName} is no other member of ${brokerName}`;
    if (handshake.epoch !== this.epoch)
      return `it is the master of epoch ${this.epoch}, not of ${handshake.epoch}`;
    return undefined;
  }

  #refuse(session: Session, handshake: ReplicaHandshake, reason: string): void {
    const { epoch } = this.sync.terms;
    const isOfGroup =
      handshake.brokerName === this.#ports.brokerName && this.#isMember(handshake.memberName);
    void session.stream.send(encodeRefusal({ reason, epoch }));
    this.#end(session, `refused: ${reason}`);
    if (isOfGroup && handshake.epoch > epoch) this.#ports.onHigherEpoch(handshake.epoch);
  }

  /** Up to where the slave's log and ours are equal; 0 where nothing is known, which our log may not reach back to. */
  #commonOffset(handshake: ReplicaHandshake): number {
    const { log, history } = this.#ports;
    const { logStartOffset, logEndOffset, epochs } = handshake;
    // An empty log that was put to our first record holds nothing that could differ.
    if (logStartOffset === logEndOffset && logEndOffset === log.startOffset) return logEndOffset;
    return history.commonOffset(log.writtenOffset, epochs, logEndOffset) ?? 0;
  }

  #acked(session: Session, sender: BatchSender, ack: ReplicaAck): void {
    const problem = sender.acked(ack);
    if (problem !== undefined) {
      this.#end(session, problem);
      return;
    }
    const nowMs = this.#nowMs();
    if (!session.isFollowing) {
      session.isFollowing = true;
      this.sync.connected(session.member, nowMs);
      void this.#run(session, sender);
      this.#ports.onStatus();
    }
    const { ackedOffset } = ack;
    const ownEnd = this.#ports.ownEnd();
    this.sync.acked(session.member, ackedOffset, sender.answeredSentAtMs, ownEnd, nowMs);
    this.#ports.onProgress();
    this.#answerWaiters();
    this.#statusMayHaveChanged();
  }

  async #run(session: Session, sender: BatchSender): Promise<void> {
    try {
      await sender.run();
    } catch (error) {
      // The slave comes again, and is told to take a snapshot should the log have been deleted before it was sent.
      if (!isStoreError(error)) throw error;
      this.#end(session, error.message);
    }
  }

  #beatLater(): void {
    const { timers } = this.#ports.environment;
    this.#beatTimer = timers.after(this.#ports.options.replicationBeatMs, () => {
      this.#beat();
      this.#beatLater();
    });
  }

  #beat(): void {
    const nowMs = this.#nowMs();
    const silentMsMax = silenceMsMax(this.#ports.options);
    for (const session of [...this.#sessions.values()]) {
      const silentMs = nowMs - session.heardMs;
      if (silentMs > silentMsMax)
        this.#end(session, `the slave was silent for ${Math.round(silentMs)} ms`);
      else if (session.isFollowing) session.sender?.beat();
    }
    this.#statusMayHaveChanged();
  }

  /** Ends the stream from our side. */
  #end(session: Session, reason: string): void {
    if (session.isOver) return;
    this.#gone(session, reason);
    session.stream.end(new RpcError('unavailable', reason));
  }

  #gone(session: Session, reason: string): void {
    if (session.isOver) return;
    session.isOver = true;
    session.handshakeTimer.cancel();
    session.sender?.stop();
    if (this.#sessions.get(session.member) !== session) {
      this.#floods.log('info', `refused ${session.peer}`, 'stream of a slave ended', {
        peer: session.peer,
        reason,
      });
      return;
    }
    this.#sessions.delete(session.member);
    this.sync.disconnected(session.member, this.#nowMs());
    this.#floods.log('warn', `ended ${session.member}`, 'stream of a slave ended', {
      slave: session.member,
      reason,
    });
    if (!this.#isStopped) this.#ports.onStatus();
  }

  #isMember(name: string): boolean {
    return this.sync.terms.members.some((member) => member.name === name);
  }

  #isCaughtUp(member: string): boolean {
    const isFollowing = this.#sessions.get(member)?.isFollowing === true;
    return isFollowing && this.sync.ackedOffset(member) >= this.#ports.log.endOffset;
  }

  #answerWaiters(): void {
    if (this.#waiters.length === 0) return;
    const done = this.#waiters.filter((waiter) => this.#isCaughtUp(waiter.member));
    this.#waiters = this.#waiters.filter((waiter) => !done.includes(waiter));
    for (const waiter of done) {
      waiter.timer.cancel();
      waiter.resolve(true);
    }
  }

  #statusMayHaveChanged(): void {
    if (this.#isStopped) return;
    const wanted = this.sync.wantedSet(this.#nowMs(), this.confirmOffset())?.join() ?? '';
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#ports.onStatus();
  }

  #nowMs(): number {
    return this.#ports.environment.clock.monotonicMs();
  }
}
