/**
 * One member of a replicated broker group: its role, and the broker that it is at the moment. Roles come from the failover
 * controller alone; on its own a member only gives one up. States and orders: docs/internals/failover.md.
 *
 * A master that loses its role closes its broker and opens it anew, since only a restart rids it of what it served with. A
 * slave that is promoted goes on with the broker it has, whose state is as warm as its log.
 */
import type { TimerHandle } from '../../common/environment/timers.ts';
import type { Component } from '../../common/lifecycle/lifecycle.ts';
import type { Logger } from '../../common/log/logger.ts';
import { isMqError, MqError } from '../../common/errors/mq-error.ts';
import type {
  GroupMember,
  GroupTerms,
  MemberRole,
  MemberStatus,
} from '../../common/model/broker-group.ts';
import { epoch as toEpoch } from '../../common/model/offsets.ts';
import type {
  FollowOrder,
  HandOverAnswer,
  HandOverOrder,
  MemberAnswer,
  PromoteAnswer,
  PromoteOrder,
  ResumeOrder,
  RevokeOrder,
  StatusQuestion,
  UpdateTermsOrder,
} from '../../common/model/member-orders.ts';
import type { Broker } from '../broker.ts';
import type { BrokerMembership } from '../broker-membership.ts';
import { ConfigurationFeed } from '../configuration-feed.ts';
import { BacklogPeers } from '../ha/backlog-peers.ts';
import type { EpochHistory } from '../ha/core/epoch-history.ts';
import { WriteLease } from '../ha/core/write-lease.ts';
import type { BrokerMemberPorts } from './broker-member-ports.ts';
import { beginTerm, newTerm } from './begin-term.ts';
import { HandOver, type HandOverPorts, prepareHandOver } from './hand-over.ts';
import { memberMembership } from './member-membership.ts';
import { MemberFollower } from './member-follower.ts';
import { describeMember } from './member-status.ts';
import { MemberStore } from './member-store.ts';
import type { MemberTerm } from './member-term.ts';
import { SerialQueue } from './serial-queue.ts';
import { StatusBoard } from './status-board.ts';

/** How often it is looked for changes that nobody reports: a full disk, a slave that fell behind. */
const LOOK_MS = 100;
const RUN_ID_BYTES = 8;
const LOST = 'it has lost its epoch meanwhile';

export class BrokerMember implements Component {
  readonly name = 'broker';
  readonly order = 'its data must be recovered before anything can be served';
  readonly runId: string;
  readonly self: GroupMember;
  /** Topics and groups, whichever broker is open. */
  readonly configuration = new ConfigurationFeed();
  readonly #ports: BrokerMemberPorts;
  readonly #logger: Logger;
  readonly #store: MemberStore;
  readonly #follower: MemberFollower;
  readonly #backlog: BacklogPeers;
  #lease: WriteLease;
  readonly #orders = new SerialQueue();
  readonly #board: StatusBoard;
  readonly #roleListeners = new Set<() => void>();
  #term: MemberTerm | undefined;
  /** Accepted in memory at once, on the disk before it is answered. */
  #acceptedEpoch = 0;
  /** The epoch that it has been the master of and is no longer. */
  #resignedEpoch = 0;
  #look: TimerHandle | undefined;
  #handOver: HandOver | undefined;
  readonly #handOverPorts: HandOverPorts;
  #said = '';

  constructor(ports: BrokerMemberPorts) {
    this.#ports = ports;
    const { options, environment, logger, memberAddress } = ports;
    this.runId = ports.runId ?? environment.random.bytes(RUN_ID_BYTES).toString('hex');
    this.self = { name: options.memberName ?? '', address: memberAddress };
    this.#logger = logger.child('member');
    this.#lease = new WriteLease(ports.nameServerCount, options.writeLeaseMs);
    this.#backlog = new BacklogPeers({
      brokerName: options.brokerName,
      epoch: () => this.epoch,
      inSync: () => this.#term?.inSyncSlaves(this.self.name) ?? [],
      clock: environment.clock,
      connect: (address) => ports.connect(address),
    });
    this.#handOverPorts = {
      timers: environment.timers,
      logger: this.#logger,
      onEnd: () => {
        this.#changed();
      },
    };
    this.#store = this.#newStore();
    this.#follower = this.#newFollower();
    this.#board = new StatusBoard(environment.timers, () => this.status());
  }

  get role(): MemberRole {
    if (this.#term !== undefined) return this.#term.phase;
    return this.#store.isOpen ? 'follower' : 'recovering';
  }

  get isOpen(): boolean {
    return this.#store.isOpen;
  }

  /** The open broker; throws while the data is being recovered. */
  get broker(): Broker {
    return this.#store.broker;
  }

  /** The master of this process, ready for requests. */
  get serving(): Broker | undefined {
    return this.#term?.phase === 'master' ? this.#store.broker : undefined;
  }

  /** The master as far as it is known, when that is another member. */
  master(): GroupMember | undefined {
    return this.#term === undefined ? this.#follower.master : undefined;
  }

  /** Called when the role, the master or the open broker may be another one. Returns what ends it. */
  onChange(listener: () => void): () => void {
    this.#roleListeners.add(listener);
    return () => this.#roleListeners.delete(listener);
  }

  get term(): MemberTerm | undefined {
    return this.#term;
  }

  /** Epoch of its mastership, or the highest that it has accepted. */
  get epoch(): number {
    return this.#term?.terms.epoch ?? this.#acceptedEpoch;
  }

  notReadyReason(): string | undefined {
    return this.role === 'recovering' ? `recovering: ${this.#store.trouble}` : undefined;
  }

  status(): MemberStatus {
    const { following } = this.#follower;
    const { trouble } = this.#store;
    return describeMember({
      brokerName: this.#ports.options.brokerName,
      memberName: this.self.name,
      runId: this.runId,
      statusVersion: this.#board.version,
      role: this.role,
      // What it says it has accepted it must remember after a crash.
      acceptedEpoch: toEpoch(this.#store.knownReplica?.acceptedEpoch ?? 0),
      broker: this.isOpen ? this.broker : undefined,
      term: this.#term,
      confirmOffset: this.#confirmOffset(),
      masterName: following?.master.name ?? '',
      isFollowing: following?.slave.isFollowing ?? false,
      trouble: trouble === '' ? (following?.trouble ?? '') : trouble,
      nowMs: this.#ports.environment.clock.monotonicMs(),
    });
  }

  whenStatusAfter({ knownVersion, waitMs }: StatusQuestion): Promise<MemberStatus> {
    return this.#board.whenAfter(knownVersion, waitMs);
  }

  /** Terms of its log; undefined while its data is not open. */
  get history(): EpochHistory | undefined {
    return this.isOpen ? this.#store.replica.history : undefined;
  }

  leaseGranted(nameServer: number, sentMs: number): void {
    const wasValid = (this.#term?.leaseLeftMs() ?? 0) > 0;
    this.#lease.granted(nameServer, sentMs);
    if (!wasValid && this.#term !== undefined) this.#advance();
  }

  leaseWithdrawn(nameServer: number): void {
    this.#lease.withdrawn(nameServer);
  }

  /** Another number of NameServers: what was granted by the ones before counts no more. */
  nameServersAre(count: number): void {
    this.#lease = new WriteLease(count, this.#ports.options.writeLeaseMs);
  }

  /** Somebody knows of a higher epoch: this member is the master of none any more. */
  epochOver(epoch: number): void {
    const term = this.#term;
    if (term === undefined || epoch <= term.terms.epoch) return;
    this.#depose(`epoch ${epoch} has begun`);
    this.#renewSpent();
  }

  async revoke({ epoch }: RevokeOrder): Promise<MemberAnswer> {
    if (epoch < this.#acceptedEpoch || this.#term?.terms.epoch === epoch)
      return this.#answer(false);
    this.#accept(epoch);
    const answer = this.#orders.run(async () => {
      await this.#store.replica.accept(toEpoch(epoch));
      await this.#follower.stop();
      await this.#store.data.settle();
      return this.#answer(this.#acceptedEpoch === epoch);
    });
    // Behind the answer, for which the election waits.
    this.#renewSpent();
    return answer;
  }

  promote({ memberName, runId, terms }: PromoteOrder): Promise<PromoteAnswer> {
    const refusal = this.#promotionRefusal(memberName, runId, terms);
    if (refusal !== undefined) return Promise.resolve({ ...this.#answer(false), reason: refusal });
    this.#accept(terms.epoch);
    return this.#orders.run(async () => {
      const later = this.#promotionRefusal(memberName, runId, terms);
      if (later !== undefined) return { ...this.#answer(false), reason: later };
      if (this.#term?.terms.epoch !== terms.epoch) await this.#promote(terms);
      return { ...this.#answer(true), reason: '' };
    });
  }

  async follow({ epoch, master }: FollowOrder): Promise<MemberAnswer> {
    if (epoch < this.#acceptedEpoch || this.#term?.terms.epoch === epoch)
      return this.#answer(false);
    if (master.name === this.self.name) return this.#answer(false);
    this.#accept(epoch);
    this.#follower.told(epoch, master);
    this.#changed();
    return this.#orders.run(async () => {
      if (epoch !== this.#acceptedEpoch) return this.#answer(false);
      await this.#store.replica.accept(toEpoch(epoch));
      await this.#follower.follow(epoch, master);
      return this.#answer(true);
    });
  }

  updateTerms({ terms }: UpdateTermsOrder): MemberAnswer {
    const isAccepted = this.#term?.update(terms) ?? false;
    if (isAccepted) this.#advance();
    this.#changed();
    return this.#answer(isAccepted);
  }

  async handOver(order: HandOverOrder): Promise<HandOverAnswer> {
    const term = this.#term;
    const answer = (reason = ''): HandOverAnswer => {
      return { isReady: reason === '', reason, status: this.status() };
    };
    if (term?.terms.epoch !== order.epoch || term.phase === 'promoting')
      return answer('it is not the master of that epoch');
    const timeoutMs = await prepareHandOver(this.#store.broker, order, this.#ports.environment);
    if (this.#term !== term) return answer(LOST);
    this.#handOver?.end('another one has begun');
    const { pipeline } = this.#store.broker;
    const handOver = new HandOver({ term, pipeline }, this.#handOverPorts);
    this.#handOver = handOver;
    this.#changed();
    const reason = await handOver.targetHasAll({ ...order, timeoutMs });
    return answer(this.#term === term ? reason : LOST);
  }

  resume({ epoch }: ResumeOrder): boolean {
    if (this.#term?.terms.epoch !== epoch) return false;
    this.#handOver?.end('it was called off');
    return true;
  }

  async start(): Promise<void> {
    await this.#store.start();
    this.#acceptedEpoch = this.#store.replica.acceptedEpoch;
    if (this.#acceptedEpoch > 0) this.#follower.mayHaveFollowed();
    if (!this.#store.isIncomplete) await this.#store.open();
    this.#lookLater();
  }

  async stop(): Promise<void> {
    this.#store.end();
    this.#look?.cancel();
    this.#handOver?.cancel();
    this.#board.close();
    this.#term?.replication.stop();
    await this.#orders.run(async () => {
      await this.#follower.stop();
      await this.#store.data.close({ leavesSnapshot: true });
    });
    this.#backlog.close();
  }

  #promotionRefusal(memberName: string, runId: string, terms: GroupTerms): string | undefined {
    const { epoch } = terms;
    if (memberName !== this.self.name) return `this is ${this.self.name}, not ${memberName}`;
    if (runId !== this.runId) return `this is another run of the process: ${this.runId}`;
    if (this.#term?.terms.epoch === epoch) return undefined;
    if (epoch < this.#acceptedEpoch) return `epoch ${this.#acceptedEpoch} has been accepted`;
    // In one epoch it may follow or lead, but never first one and then the other.
    if (this.#follower.following?.epoch === epoch || this.#resignedEpoch === epoch)
      return `epoch ${epoch} has another master`;
    return undefined;
  }

  async #promote(terms: GroupTerms): Promise<void> {
    const { epoch } = terms;
    const { replica } = this.#store;
    await replica.accept(epoch);
    await this.#follower.stop();
    const broker = await this.#store.requireBroker();
    const { failure } = broker.log;
    if (failure !== undefined) throw new MqError('log-failed', { reason: failure.message });
    await broker.log.sync();
    await replica.beginEpoch(epoch, broker.log.endOffset, true);
    if (this.#acceptedEpoch !== epoch)
      throw new MqError('no-master', { reason: `epoch ${this.#acceptedEpoch} has begun` });
    const { options, environment } = this.#ports;
    const term = newTerm(terms, {
      ...{ options, environment, replica, broker },
      logger: this.#logger,
      memberName: this.self.name,
      leaseUntilMs: () => this.#lease.validUntilMs,
      followedUntilMs: this.#follower.followedUntilMs,
      onChange: () => {
        this.#changed();
      },
      onHigherEpoch: (higher) => {
        this.epochOver(higher);
      },
    });
    this.#term = term;
    this.#store.trouble = '';
    this.#changed();
    beginTerm(term, broker, this.self.name).then(
      () => {
        this.#serve(term, broker);
      },
      (error: unknown) => {
        if (!isMqError(error)) this.#ports.onFatal(error);
      },
    );
  }

  /** The first record of the epoch has been confirmed: the log up to it is what every later member has. */
  #serve(term: MemberTerm, broker: Broker): void {
    if (this.#term !== term || term.phase !== 'promoting') return;
    broker.serve();
    term.phase = 'master';
    this.#logger.info('this member is the master now', {
      epoch: term.terms.epoch,
      logEndOffset: broker.log.endOffset,
      syncStateSet: term.terms.syncStateSet.join(', '),
    });
    this.#changed();
  }

  /** From this moment on, whatever is under way: nothing below this epoch. */
  #accept(epoch: number): void {
    if (epoch <= this.#acceptedEpoch) return;
    this.#acceptedEpoch = epoch;
    if (this.#term !== undefined && this.#term.terms.epoch < epoch)
      this.#depose(`epoch ${epoch} has begun`);
    else this.#changed();
  }

  /** Ends mastership at once; the broker is opened anew as a slave's behind it. */
  #depose(reason: string): void {
    const term = this.#term;
    if (term === undefined) return;
    this.#term = undefined;
    this.#resignedEpoch = term.terms.epoch;
    this.#handOver?.cancel();
    term.replication.stop();
    this.#store.broker.depose(reason);
    this.#store.trouble = 'it was the master, and opens its data anew';
    this.#logger.warn('this member is no longer the master', { epoch: term.terms.epoch, reason });
    this.#changed();
  }

  /** Opens the data of a master that was deposed anew, after what has been ordered so far. */
  #renewSpent(): void {
    const { data } = this.#store;
    if (!data.isSpent) return;
    void this.#orders.run(async () => {
      if (data.isSpent) await this.#store.reopen();
    });
  }

  /** Slaves may have got what is now cut off here: only a new epoch can go on from it. */
  #logFailed(reason: string): void {
    if (this.#term === undefined) {
      this.#follower.logFailed();
      return;
    }
    this.#depose(`its log has failed: ${reason}`);
    this.#renewSpent();
  }

  #newStore(): MemberStore {
    return new MemberStore({
      ...this.#ports,
      configuration: this.configuration,
      membership: this.#membership(),
      onChange: () => {
        this.#changed();
      },
      onLogFailed: (reason) => {
        this.#logFailed(reason);
      },
    });
  }

  #newFollower(): MemberFollower {
    const { options, environment } = this.#ports;
    return new MemberFollower({
      ...{ options, environment, logger: this.#logger, runId: this.runId },
      ...{ memberName: this.self.name, store: this.#store, orders: this.#orders },
      acceptedEpoch: () => this.#acceptedEpoch,
      connect: (address) => this.#ports.connect(address),
      onChange: () => {
        this.#changed();
      },
      onFatal: (error) => {
        this.#ports.onFatal(error);
      },
    });
  }

  #membership(): BrokerMembership {
    return memberMembership({
      memberName: this.self.name,
      term: () => this.#term,
      backlog: this.#backlog,
      confirmOffset: () => this.#confirmOffset(),
      isOwnEpoch: (epoch) => this.#store.knownReplica?.isOwnEpoch(epoch) ?? false,
      masterStartOffset: () => this.#follower.following?.masterStartOffset ?? 0,
    });
  }

  #confirmOffset(): number {
    if (this.#term !== undefined) return this.#term.replication.confirmOffset();
    // Nobody says more than what has been folded here already.
    return this.#follower.following?.confirmOffset ?? this.#store.data.foldedOffset;
  }

  #lookLater(): void {
    this.#look = this.#ports.environment.timers.after(LOOK_MS, () => {
      this.#lookLater();
      this.#advance();
      this.#term?.look();
      this.#board.look();
    });
  }

  /** What was waiting may be allowed now. */
  #advance(): void {
    if (this.isOpen) this.broker.pipeline.advance();
  }

  #changed(): void {
    this.#board.look();
    const says = `${this.role}/${this.epoch}/${this.master()?.name ?? ''}`;
    if (says === this.#said) return;
    this.#said = says;
    for (const listener of [...this.#roleListeners]) listener();
  }

  #answer(isAccepted: boolean): MemberAnswer {
    return { isAccepted, status: this.status() };
  }
}
