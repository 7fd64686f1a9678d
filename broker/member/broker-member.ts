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
import type { Address } from '../../common/options/option-definition.ts';
import type { Broker } from '../broker.ts';
import type { BrokerMembership } from '../broker-membership.ts';
import { ConfigurationFeed } from '../configuration-feed.ts';
import { BacklogPeers } from '../ha/backlog-peers.ts';
import type { EpochHistory } from '../ha/core/epoch-history.ts';
import { WriteLease } from '../ha/core/write-lease.ts';
import { ReplicaFile } from '../ha/replica-file.ts';
import type { BrokerMemberPorts } from './broker-member-ports.ts';
import { beginTerm, newTerm } from './begin-term.ts';
import { MemberData } from './member-data.ts';
import { HandOver, type HandOverPorts, prepareHandOver } from './hand-over.ts';
import { isInstalling } from '../ha/snapshot-installation.ts';
import { memberMembership } from './member-membership.ts';
import { MemberInstallation } from './member-installation.ts';
import { MemberFollowing } from './member-following.ts';
import { describeMember } from './member-status.ts';
import { isUnder, type MasterOfEpoch } from './member-master.ts';
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
  readonly #data: MemberData;
  readonly #backlog: BacklogPeers;
  #lease: WriteLease;
  readonly #orders = new SerialQueue();
  readonly #board: StatusBoard;
  readonly #roleListeners = new Set<() => void>();
  #replica: ReplicaFile | undefined;
  #term: MemberTerm | undefined;
  #following: MemberFollowing | undefined;
  #installation: MemberInstallation | undefined;
  /** Whom it was last ordered to follow. */
  #told: MasterOfEpoch | undefined;
  /** The data is a part of what its master has: it must be completed before it can be opened. */
  #isIncomplete = false;
  /** Accepted in memory at once, on the disk before it is answered. */
  #acceptedEpoch = 0;
  /** The epoch that it has been the master of and is no longer. */
  #resignedEpoch = 0;
  /** When it last answered a master; what was before its process began counts as then. */
  #followedUntilMs = -Infinity;
  /** Why it cannot be a master now, when that is not the store's own refusal. */
  #trouble = 'it has just started';
  #look: TimerHandle | undefined;
  #handOver: HandOver | undefined;
  readonly #handOverPorts: HandOverPorts;
  #isStopping = false;
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
    const membership = this.#membership();
    this.#data = new MemberData({ ...ports, membership, configuration: this.configuration });
    this.#board = new StatusBoard(environment.timers, () => this.status());
  }

  get role(): MemberRole {
    if (this.#term !== undefined) return this.#term.phase;
    return this.#data.isOpen && this.#replica !== undefined ? 'follower' : 'recovering';
  }

  get isOpen(): boolean {
    return this.#data.isOpen;
  }

  /** The open broker; throws while the data is being recovered. */
  get broker(): Broker {
    return this.#data.broker;
  }

  /** The master of this process, ready for requests. */
  get serving(): Broker | undefined {
    return this.#term?.phase === 'master' ? this.#data.broker : undefined;
  }

  /** The master as far as it is known, when that is another member. */
  master(): GroupMember | undefined {
    if (this.#term !== undefined) return undefined;
    // Calls are passed on to it at once; the own data may take a while until it can be opened, or until a full disk is freed.
    const told = this.#told?.epoch === this.#acceptedEpoch ? this.#told : undefined;
    return (this.#following ?? this.#installation ?? told)?.master;
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
    return this.role === 'recovering' ? `recovering: ${this.#trouble}` : undefined;
  }

  status(): MemberStatus {
    return describeMember({
      brokerName: this.#ports.options.brokerName,
      memberName: this.self.name,
      runId: this.runId,
      statusVersion: this.#board.version,
      role: this.role,
      // What it says it has accepted it must remember after a crash.
      acceptedEpoch: toEpoch(this.#replica?.acceptedEpoch ?? 0),
      broker: this.#data.isOpen ? this.#data.broker : undefined,
      term: this.#term,
      confirmOffset: this.#confirmOffset(),
      masterName: this.#following?.master.name ?? '',
      isFollowing: this.#following?.slave.isFollowing ?? false,
      trouble: this.#trouble === '' ? (this.#following?.trouble ?? '') : this.#trouble,
      nowMs: this.#ports.environment.clock.monotonicMs(),
    });
  }

  whenStatusAfter({ knownVersion, waitMs }: StatusQuestion): Promise<MemberStatus> {
    return this.#board.whenAfter(knownVersion, waitMs);
  }

  /** Terms of its log; undefined while its data is not open. */
  get history(): EpochHistory | undefined {
    return this.#data.isOpen ? this.#replica?.history : undefined;
  }

  leaseGranted(nameServer: number, sentMs: number): void {
    const wasValid = (this.#term?.leaseLeftMs() ?? 0) > 0;
    this.#lease.granted(nameServer, sentMs);
    if (!wasValid && this.#term !== undefined && this.#data.isOpen)
      this.#data.broker.pipeline.advance();
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
      await this.#requireReplica().accept(toEpoch(epoch));
      await this.#stopFollowing();
      await this.#data.settle();
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
    this.#told = { epoch, master };
    this.#changed();
    return this.#orders.run(async () => {
      if (epoch !== this.#acceptedEpoch) return this.#answer(false);
      await this.#requireReplica().accept(toEpoch(epoch));
      await this.#follow(epoch, master);
      return this.#answer(true);
    });
  }

  updateTerms({ terms }: UpdateTermsOrder): MemberAnswer {
    const isAccepted = this.#term?.update(terms) ?? false;
    if (isAccepted && this.#data.isOpen) this.#data.broker.pipeline.advance();
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
    const timeoutMs = await prepareHandOver(this.#data.broker, order, this.#ports.environment);
    if (this.#term !== term) return answer(LOST);
    this.#handOver?.end('another one has begun');
    const { pipeline } = this.#data.broker;
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
    const { options, environment } = this.#ports;
    await environment.disk.makeDirectory(options.dataDir);
    this.#replica = await ReplicaFile.open(options.dataDir, environment.disk);
    this.#acceptedEpoch = this.#replica.acceptedEpoch;
    if (this.#acceptedEpoch > 0) this.#followedUntilMs = environment.clock.monotonicMs();
    this.#isIncomplete = await isInstalling(options.dataDir, environment);
    if (this.#isIncomplete) this.#trouble = 'it has to be completed from its master';
    else await this.#open();
    this.#lookLater();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#look?.cancel();
    this.#handOver?.cancel();
    this.#board.close();
    this.#term?.replication.stop();
    await this.#orders.run(async () => {
      await this.#stopFollowing();
      await this.#data.close({ leavesSnapshot: true });
    });
    this.#backlog.close();
  }

  async #open(): Promise<void> {
    const replica = this.#requireReplica();
    const broker = await this.#data.open();
    const { epochs } = broker.log.recovery;
    await replica.reconcile(broker.log.endOffset, epochs);
    broker.log.onFailure((failure) => {
      if (this.#data.isOpen && this.#data.broker === broker) this.#logFailed(failure.message);
    });
    this.#trouble = 'it has not been told whom to follow';
    this.#changed();
  }

  #promotionRefusal(memberName: string, runId: string, terms: GroupTerms): string | undefined {
    const { epoch } = terms;
    if (memberName !== this.self.name) return `this is ${this.self.name}, not ${memberName}`;
    if (runId !== this.runId) return `this is another run of the process: ${this.runId}`;
    if (this.#term?.terms.epoch === epoch) return undefined;
    if (epoch < this.#acceptedEpoch) return `epoch ${this.#acceptedEpoch} has been accepted`;
    // In one epoch it may follow or lead, but never first one and then the other.
    if (this.#following?.epoch === epoch || this.#resignedEpoch === epoch)
      return `epoch ${epoch} has another master`;
    return undefined;
  }

  async #promote(terms: GroupTerms): Promise<void> {
    const { epoch } = terms;
    const replica = this.#requireReplica();
    await replica.accept(epoch);
    await this.#stopFollowing();
    const broker = await this.#requireBroker();
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
      followedUntilMs: this.#followedUntilMs,
      onChange: () => {
        this.#changed();
      },
      onHigherEpoch: (higher) => {
        this.epochOver(higher);
      },
    });
    this.#term = term;
    this.#trouble = '';
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

  async #follow(epoch: number, master: GroupMember): Promise<void> {
    if (isUnder(this.#following ?? this.#installation, epoch, master)) return;
    await this.#stopFollowing();
    if (this.#isIncomplete) {
      this.#startInstalling(epoch, master);
      return;
    }
    await this.#requireBroker();
    this.#startFollowing(epoch, master);
  }

  /** The data goes, and everything comes from the master. */
  async #install(epoch: number, master: GroupMember): Promise<void> {
    if (!isUnder(this.#following, epoch, master) || this.#isStopping) return;
    await this.#stopFollowing();
    this.#isIncomplete = true;
    await this.#data.close({ leavesSnapshot: false });
    this.#startInstalling(epoch, master);
  }

  /** What a slave of this master in this epoch works with. */
  #slavePorts(epoch: number, master: GroupMember) {
    const { options, environment } = this.#ports;
    return {
      ...{ options, environment, epoch, master, logger: this.#logger, runId: this.runId },
      ...{ memberName: this.self.name, replica: this.#requireReplica() },
      connect: (address: Address) => this.#ports.connect(address),
    };
  }

  #startInstalling(epoch: number, master: GroupMember): void {
    this.#trouble = `it is being copied from ${master.name}`;
    this.#installation = new MemberInstallation({
      ...this.#slavePorts(epoch, master),
      onDone: () => {
        void this.#orders.run(() => this.#installed(epoch, master));
      },
      onFatal: (error) => {
        this.#ports.onFatal(error);
      },
    });
    this.#changed();
  }

  async #installed(epoch: number, master: GroupMember): Promise<void> {
    this.#isIncomplete = false;
    await this.#stopFollowing();
    await this.#reopen();
    if (this.#acceptedEpoch === epoch && this.#data.isOpen) this.#startFollowing(epoch, master);
  }

  #startFollowing(epoch: number, master: GroupMember): void {
    const following = new MemberFollowing({
      ...this.#slavePorts(epoch, master),
      broker: this.#data.broker,
      onChange: () => {
        this.#changed();
      },
      mustRewind: (commonOffset) => {
        void this.#again(epoch, () => this.#data.rewind(commonOffset));
      },
      mustInstallSnapshot: () => {
        void this.#orders.run(() => this.#install(epoch, master));
      },
    });
    this.#following = following;
    this.#trouble = '';
    following.slave.start();
    this.#changed();
  }

  /** Stops following, changes the data while it is closed, and follows again. */
  #again(epoch: number, change: () => Promise<void>): Promise<void> {
    return this.#orders
      .run(async () => {
        const following = this.#following;
        if (following?.epoch !== epoch || this.#isStopping) return;
        await this.#stopFollowing();
        this.#changed();
        await this.#data.close({ leavesSnapshot: false });
        await change();
        await this.#open();
        if (this.#acceptedEpoch === epoch) this.#startFollowing(epoch, following.master);
      })
      .catch((error: unknown) => {
        this.#ports.onFatal(error);
      });
  }

  async #stopFollowing(): Promise<void> {
    const following = this.#following;
    const installation = this.#installation;
    this.#following = undefined;
    this.#installation = undefined;
    await installation?.stop();
    if (following === undefined) return;
    await following.slave.stop();
    this.#followedUntilMs = this.#ports.environment.clock.monotonicMs();
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
    this.#data.broker.depose(reason);
    this.#trouble = 'it was the master, and opens its data anew';
    this.#logger.warn('this member is no longer the master', { epoch: term.terms.epoch, reason });
    this.#changed();
  }

  /** Opens the data of a master that was deposed anew, after what has been ordered so far. */
  #renewSpent(): void {
    if (!this.#data.isSpent) return;
    void this.#orders.run(async () => {
      if (this.#data.isSpent) await this.#reopen();
    });
  }

  /** Slaves may have got what is now cut off here: only a new epoch can go on from it. */
  #logFailed(reason: string): void {
    if (this.#term !== undefined) {
      this.#depose(`its log has failed: ${reason}`);
      this.#renewSpent();
    } else
      void this.#orders.run(async () => {
        const following = this.#following;
        await this.#stopFollowing();
        await this.#reopen();
        if (following !== undefined && following.epoch === this.#acceptedEpoch && this.#data.isOpen)
          this.#startFollowing(following.epoch, following.master);
      });
  }

  async #reopen(): Promise<void> {
    if (this.#isStopping || this.#isIncomplete) return;
    await this.#data.close({ leavesSnapshot: false });
    this.#changed();
    try {
      await this.#open();
    } catch (error) {
      this.#ports.onFatal(error);
    }
  }

  async #requireBroker(): Promise<Broker> {
    if (this.#data.isOpen && !this.#data.isSpent) return this.#data.broker;
    if (this.#isIncomplete) throw new MqError('not-ready', { reason: this.#trouble });
    await this.#reopen();
    return this.#data.broker;
  }

  #membership(): BrokerMembership {
    return memberMembership({
      memberName: this.self.name,
      term: () => this.#term,
      backlog: this.#backlog,
      confirmOffset: () => this.#confirmOffset(),
      isOwnEpoch: (epoch) => this.#replica?.isOwnEpoch(epoch) ?? false,
      masterStartOffset: () => this.#following?.masterStartOffset ?? 0,
    });
  }

  #confirmOffset(): number {
    if (this.#term !== undefined) return this.#term.replication.confirmOffset();
    // Nobody says more than what has been folded here already.
    return this.#following?.confirmOffset ?? this.#data.foldedOffset;
  }

  #lookLater(): void {
    this.#look = this.#ports.environment.timers.after(LOOK_MS, () => {
      this.#lookLater();
      if (this.#data.isOpen) this.#data.broker.pipeline.advance();
      this.#term?.look();
      this.#board.look();
    });
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

  #requireReplica(): ReplicaFile {
    if (this.#replica === undefined)
      throw new MqError('not-ready', { reason: 'it has just started' });
    return this.#replica;
  }
}
