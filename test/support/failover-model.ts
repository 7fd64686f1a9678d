/**
 * A broker group, its NameServers and any number of controllers as plain values, moved one event at a time: whoever drives it
 * chooses the order. Members keep what orbitmq.v1.Member promises; the controllers run the real `planGroup`. Broken promises
 * of the whole are collected in `violations`.
 */
import type { GroupMember, GroupTerms, MemberStatus } from '../../common/model/broker-group.ts';
import { epoch, type Epoch } from '../../common/model/offsets.ts';
import type { GroupRecord } from '../../operator/failover/core/group-record.ts';
import type { GroupSpec } from '../../operator/failover/core/group-spec.ts';
import type {
  GroupObservation,
  HandOverSeen,
  MemberObservation,
  RevocationSeen,
} from '../../operator/failover/core/observation.ts';
import type { Order } from '../../operator/failover/core/orders.ts';
import type { RequestOutcome } from '../../operator/failover/core/request.ts';
import { planGroup } from '../../operator/failover/core/plan-group.ts';
import { timingsFor } from '../../operator/failover/controller-timings.ts';

export const EXPIRY_MS = 5_000;
const LEASE_MS = 3_500;
export const TIMINGS = timingsFor(500);
export const GROUP = 'broker-a';

interface Entry {
  readonly epoch: number;
  readonly id: number;
}

/** Which links are cut, as `from>to`; `c0` is a controller, `n0` a NameServer, members have their names. */
export type Links = Set<string>;

export class ModelMember {
  readonly name: string;
  readonly member: GroupMember;
  run = 1;
  isAlive = true;
  accepted = 0;
  role: MemberStatus['role'] = 'follower';
  log: Entry[] = [];
  terms: GroupTerms | undefined;
  /** Waited for besides the set, from the moment that it was wished for until a newer version is told. */
  counted: readonly string[] = [];
  wanted: readonly string[] | undefined;
  acked = new Map<string, number>();
  masterName = '';
  isFollowing = false;
  version = 1;
  confirmed = 0;
  hasResigned = false;
  isUnfit = false;
  /** When the last heartbeat was sent that each NameServer granted. */
  granted = new Map<string, number>();

  constructor(name: string, index: number) {
    this.name = name;
    this.member = { name, address: { host: 'localhost', port: index + 1 } };
  }

  get runId(): string {
    return `${this.name}-run-${this.run}`;
  }

  get isMasterOfSomething(): boolean {
    return this.role === 'promoting' || this.role === 'master' || this.role === 'handing-over';
  }

  status(): MemberStatus {
    return {
      ...{ brokerName: GROUP, memberName: this.name, runId: this.runId, reason: '' },
      ...{ statusVersion: this.version, role: this.role, acceptedEpoch: epoch(this.accepted) },
      ...{ lastEpoch: epoch(this.log.at(-1)?.epoch ?? 0), logStartOffset: 0 },
      ...{ logEndOffset: this.log.length, durableOffset: this.log.length },
      ...{ confirmOffset: this.confirmed, isWritable: this.role === 'master' },
      ...{ masterName: this.masterName, isFollowing: this.isFollowing, followers: [] },
      syncStateSet: this.terms?.syncStateSet ?? [],
      setVersion: this.terms?.setVersion ?? 0,
      wantedSet: this.wanted,
      ...{ leaseLeftMs: 0, isUnfit: this.isUnfit },
    };
  }

  stepDown(): void {
    this.role = 'follower';
    this.terms = undefined;
    this.counted = [];
    this.wanted = undefined;
    this.masterName = '';
    this.isFollowing = false;
    this.version += 1;
  }

  accept(given: number): boolean {
    if (given < this.accepted) return false;
    if (given > this.accepted) {
      this.accepted = given;
      this.hasResigned = false;
      this.stepDown();
    }
    return true;
  }
}

class ModelNameServer {
  run = 1;
  floor = 0;
  isTold = false;
  upSinceMs = -100_000;
  readonly heard = new Map<string, { runId: string; atMs: number }>();
  readonly masters: { epoch: number; atMs: number }[] = [];
}

interface SeenMember {
  readonly status: MemberStatus;
  readonly atMs: number;
  readonly sequence: number;
}

interface Promised extends RevocationSeen {
  readonly run: number;
  readonly atMs: number;
}

class ModelController {
  readonly seen = new Map<string, SeenMember>();
  readonly failed = new Set<string>();
  readonly heard = new Map<
    string,
    { at: number; sequence: number; answer: unknown; run: number }
  >();
  readonly promised = new Map<string, Promised>();
  phase = { key: '', atMs: 0, sequence: 0 };
  handOver: { readonly key: string; readonly seen: HandOverSeen } | undefined;
  /** A change that was planned and not stored yet: others may be faster. */
  pending: { readonly record: GroupRecord; readonly version: number } | undefined;
}

export class FailoverModel {
  readonly members: readonly ModelMember[];
  readonly nameServers = new Map<string, ModelNameServer>();
  readonly controllers = new Map<string, ModelController>();
  readonly cut: Links = new Set();
  readonly violations: string[] = [];
  readonly acknowledged: Entry[] = [];
  spec: GroupSpec;
  stored: GroupRecord | undefined;
  version = 0;
  nowMs = 100_000;
  knowsDeaths = false;
  readonly ended = new Map<string, string[]>();
  #sequence = 0;
  #nextId = 1;
  readonly #promoted = new Map<number, string>();
  #highestOpen = 0;

  constructor(size: number, options: Pick<GroupSpec, 'replication' | 'uncleanElection'>) {
    this.members = Array.from({ length: size }, (_, index) => new ModelMember(`m${index}`, index));
    this.spec = {
      brokerName: GROUP,
      members: this.members.map(({ member }) => member),
      minInSyncReplicas: 1,
      ...options,
    };
    for (const name of ['n0', 'n1', 'n2']) this.nameServers.set(name, new ModelNameServer());
    for (const name of ['c0', 'c1']) this.controllers.set(name, new ModelController());
  }

  member(name: string): ModelMember {
    const found = this.members.find((member) => member.name === name);
    if (found === undefined) throw new Error(`no member ${name}`);
    return found;
  }

  isUp(from: string, to: string): boolean {
    return !this.cut.has(`${from}>${to}`) && !this.cut.has(`${to}>${from}`);
  }

  crash(name: string): void {
    const member = this.member(name);
    if (!member.isAlive) return;
    member.isAlive = false;
    if (this.knowsDeaths) {
      this.ended.set(name, [...(this.ended.get(name) ?? []), member.runId]);
    }
  }

  restart(name: string): void {
    const member = this.member(name);
    if (member.isAlive) return;
    member.run += 1;
    member.isAlive = true;
    member.stepDown();
    member.version = 1;
    member.granted = new Map();
  }

  restartNameServer(name: string): void {
    const fresh = new ModelNameServer();
    fresh.run = (this.nameServers.get(name)?.run ?? 0) + 1;
    fresh.upSinceMs = this.nowMs;
    this.nameServers.set(name, fresh);
  }

  restartController(name: string): void {
    this.controllers.set(name, new ModelController());
  }

  heartbeat(from: string, to: string): void {
    const member = this.member(from);
    const nameServer = this.#nameServer(to);
    if (!member.isAlive || !this.isUp(from, to)) return;
    if (member.isMasterOfSomething) {
      if (member.accepted < nameServer.floor) return;
      nameServer.floor = member.accepted;
      nameServer.masters.push({ epoch: member.accepted, atMs: this.nowMs });
      const isWarm = this.nowMs - nameServer.upSinceMs > EXPIRY_MS;
      if (isWarm || nameServer.isTold) member.granted.set(to, this.nowMs);
    }
    nameServer.heard.set(from, { runId: member.runId, atMs: this.nowMs });
  }

  /** The slave takes what the master has, after cutting off what the master does not have. */
  replicate(from: string, to: string): void {
    const master = this.member(from);
    const slave = this.member(to);
    if (!master.isAlive || !slave.isAlive || !this.isUp(from, to)) return;
    if (!master.isMasterOfSomething || slave.masterName !== from) return;
    if (slave.accepted !== master.accepted || slave.isMasterOfSomething) return;
    slave.log = [...master.log];
    slave.version += slave.isFollowing ? 0 : 1;
    slave.isFollowing = true;
    master.acked.set(to, master.log.length);
    this.confirm(from);
  }

  write(name: string): void {
    const master = this.member(name);
    if (!master.isAlive || master.role !== 'master') return;
    master.log = [...master.log, { epoch: master.accepted, id: this.#nextId++ }];
    this.confirm(name);
  }

  /** Acknowledges what the terms and the lease allow, and opens a master whose first record is confirmed. */
  confirm(name: string): void {
    const master = this.member(name);
    const { terms } = master;
    if (!master.isAlive || terms === undefined || !master.isMasterOfSomething) return;
    const waited = new Set([...terms.syncStateSet, ...master.counted]);
    waited.delete(name);
    const byAll = Math.min(
      master.log.length,
      ...[...waited].map((other) => master.acked.get(other) ?? 0),
    );
    const isAlone = terms.syncStateSet.length === 1 && !terms.uncleanElection;
    const mayAlone = isAlone || this.#leaseLeftMs(master) > 0;
    const isSync = terms.replication === 'sync';
    const end =
      isSync || !mayAlone ? (waited.size === 0 && !mayAlone ? 0 : byAll) : master.log.length;
    if (end <= master.confirmed) return;
    for (const entry of master.log.slice(master.confirmed, end)) this.#acknowledge(master, entry);
    master.confirmed = end;
    if (master.role === 'promoting' && end === master.log.length) this.#open(master);
  }

  /** Asks for a slave that is level, or for the set without one that is not. */
  wish(name: string, other: string): void {
    const master = this.member(name);
    const { terms } = master;
    if (terms === undefined || !master.isMasterOfSomething || other === name) return;
    const isLevel = master.acked.get(other) === master.log.length && this.member(other).isFollowing;
    if (master.wanted !== undefined) {
      // Given up: asks for the set that it has, and goes on counting until it is told.
      if (!isLevel && master.counted.includes(other)) master.wanted = terms.syncStateSet;
    } else if (!terms.syncStateSet.includes(other)) {
      if (!isLevel) return;
      master.counted = [other];
      master.wanted = [...terms.syncStateSet, other];
    } else if (!isLevel) {
      master.wanted = terms.syncStateSet.filter((member) => member !== other);
    } else return;
    master.version += 1;
  }

  ask(controller: string, name: string): void {
    const member = this.member(name);
    const eyes = this.#controller(controller);
    if (!member.isAlive || !this.isUp(controller, name)) {
      eyes.failed.add(name);
      return;
    }
    this.#seen(controller, member, ++this.#sequence);
  }

  askNameServer(controller: string, name: string): void {
    if (!this.isUp(controller, name)) return;
    const nameServer = this.#nameServer(name);
    const members = [...nameServer.heard].map(([memberName, { runId, atMs }]) => ({
      ...{ brokerName: GROUP, memberName, runId, epoch: 0, isSlave: false },
      ...{ memberAddress: { host: 'localhost', port: 1 }, silentMs: this.nowMs - atMs },
      ...{ isConnected: true, isGone: false, logEndOffset: 0, confirmOffset: 0 },
    }));
    const answer = {
      nameServerRunId: `${name}-${nameServer.run}`,
      upMs: this.nowMs - nameServer.upSinceMs,
      heartbeatExpiryMs: EXPIRY_MS,
      members,
    };
    const sequence = ++this.#sequence;
    this.#controller(controller).heard.set(name, {
      ...{ at: this.nowMs, sequence, answer, run: nameServer.run },
    });
  }

  /** Looks at the record as it is stored now; a change waits for `commit`, orders are carried out at once. */
  plan(controller: string): void {
    const eyes = this.#controller(controller);
    const key = `${this.stored?.epoch ?? ''} ${this.stored?.phase ?? ''}`;
    if (key !== eyes.phase.key) {
      eyes.phase = { key, atMs: this.nowMs, sequence: ++this.#sequence };
    }
    const plan = planGroup(this.stored, this.observe(controller), TIMINGS, this.nowMs);
    if (plan.kind === 'store') {
      eyes.pending = { record: plan.record, version: this.version };
    } else {
      for (const order of plan.orders) this.#carryOut(controller, order);
    }
  }

  commit(controller: string): void {
    const eyes = this.#controller(controller);
    const { pending } = eyes;
    eyes.pending = undefined;
    if (pending === undefined || pending.version !== this.version) return;
    this.store(pending.record);
  }

  /** An administrator asks a controller for something, and it is stored at once unless it is refused. */
  request(change: (record: GroupRecord) => RequestOutcome): void {
    if (this.stored === undefined) return;
    const outcome = change(this.stored);
    if (outcome.kind === 'store') this.store(outcome.record);
  }

  store(next: GroupRecord): void {
    const before = this.stored;
    this.#check((before?.epoch ?? 0) <= next.epoch, 'an epoch was taken back');
    const isElected = next.phase === 'promoting' && before?.phase !== 'promoting';
    if (isElected && before !== undefined && before.syncStateSet.length > 0) {
      const isInside = before.syncStateSet.includes(next.master?.name ?? '');
      const isUnclean = next.transition?.isUnclean === true;
      this.#check(isInside || (isUnclean && this.spec.uncleanElection), 'elected outside the set');
      this.#check(
        isUnclean || next.syncStateSet.every((name) => before.syncStateSet.includes(name)),
        'the new set is larger than the old one',
      );
    }
    const isSameEpoch = before?.epoch === next.epoch && before.phase !== 'revoking';
    if (isSameEpoch && before.phase !== 'new') {
      this.#check(
        before.master?.runId === next.master?.runId,
        `two masters were stored for epoch ${next.epoch}`,
      );
    }
    this.stored = next;
    this.version += 1;
  }

  observe(controller: string): GroupObservation {
    const eyes = this.#controller(controller);
    const members = new Map<string, MemberObservation>();
    for (const { name } of this.members) {
      const seen = eyes.seen.get(name);
      members.set(name, {
        status: seen?.status,
        answeredAgoMs: seen === undefined ? Infinity : this.nowMs - seen.atMs,
        isFresh: seen !== undefined && seen.sequence > eyes.phase.sequence,
        hasFailed: eyes.failed.has(name),
        endedRuns: this.ended.get(name) ?? [],
      });
    }
    const { transition, epoch: current } = this.stored ?? {};
    const handOverKey = `${current ?? 0} ${transition?.target ?? ''} ${transition?.startedAtMs ?? 0}`;
    return {
      spec: this.spec,
      members,
      nameServers: [...this.nameServers.keys()].map((address) => {
        const heard = eyes.heard.get(address);
        const isRecent = heard !== undefined && this.nowMs - heard.at <= 2_000;
        return {
          address,
          heard: isRecent ? (heard.answer as never) : undefined,
          isFresh: heard !== undefined && heard.sequence > eyes.phase.sequence,
          revocation: this.#revocation(eyes, address),
        };
      }),
      phaseAgeMs: this.nowMs - eyes.phase.atMs,
      handOver: eyes.handOver?.key === handOverKey ? eyes.handOver.seen : undefined,
      promotionRefusal: undefined,
      storedAtMs: this.nowMs,
      acceptedAtMs: undefined,
    };
  }

  /** The master that the store names, if it is alive and knows it. */
  servingMaster(): ModelMember | undefined {
    const { stored } = this;
    const found = this.members.find(({ runId }) => runId === stored?.master?.runId);
    const isServing = found?.isAlive === true && found.role === 'master';
    return isServing && found.accepted === stored?.epoch ? found : undefined;
  }

  #revocation(eyes: ModelController, address: string): RevocationSeen | undefined {
    const promised = eyes.promised.get(address);
    const heard = eyes.heard.get(address);
    if (promised === undefined) return undefined;
    if (heard !== undefined && heard.run !== promised.run && heard.at >= promised.atMs) {
      return undefined;
    }
    const lastMs = heard?.run === promised.run ? Math.max(heard.at, promised.atMs) : promised.atMs;
    if (this.nowMs - lastMs > EXPIRY_MS) return undefined;
    return { ...promised, quietMs: promised.quietMs + this.nowMs - promised.atMs };
  }

  #carryOut(controller: string, order: Order): void {
    if (order.kind === 'revoke-epoch') {
      this.#revokeAt(controller, order.nameServer, order.epoch);
      return;
    }
    const member = this.member(order.member.name);
    const eyes = this.#controller(controller);
    if (!member.isAlive || !this.isUp(controller, member.name)) {
      eyes.failed.add(member.name);
      if (order.kind === 'hand-over') this.#handOverSeen(controller, 'the master is away');
      return;
    }
    const sequence = ++this.#sequence;
    this.#obey(controller, member, order);
    this.#seen(controller, member, sequence);
  }

  #obey(
    controller: string,
    member: ModelMember,
    order: Exclude<Order, { kind: 'revoke-epoch' }>,
  ): void {
    switch (order.kind) {
      case 'revoke':
        member.accept(order.epoch);
        return;
      case 'promote':
        this.#promote(member, order.runId, order.terms);
        return;
      case 'follow':
        this.#follow(member, order.epoch, order.master.name);
        return;
      case 'update-terms':
        this.#updateTerms(member, order.terms);
        return;
      case 'hand-over':
        this.#handOver(controller, member, order.epoch, order.target);
        return;
      case 'resume':
        if (member.role === 'handing-over' && member.accepted === order.epoch) {
          member.role = 'master';
          member.version += 1;
        }
        return;
      case 'ask':
        return;
    }
  }

  #promote(member: ModelMember, runId: string, terms: GroupTerms): void {
    if (runId !== member.runId || terms.epoch < member.accepted) return;
    if (member.accepted === terms.epoch && (member.isMasterOfSomething || member.hasResigned))
      return;
    member.accept(terms.epoch);
    const known = this.#promoted.get(terms.epoch);
    this.#check(known === undefined || known === runId, `two masters in epoch ${terms.epoch}`);
    this.#promoted.set(terms.epoch, runId);
    member.role = 'promoting';
    member.terms = terms;
    member.masterName = '';
    member.isFollowing = false;
    member.acked = new Map();
    member.confirmed = Math.min(member.confirmed, member.log.length);
    member.log = [...member.log, { epoch: terms.epoch, id: this.#nextId++ }];
    member.version += 1;
    this.confirm(member.name);
  }

  #follow(member: ModelMember, given: Epoch, master: string): void {
    if (given < member.accepted) return;
    if (given === member.accepted && member.isMasterOfSomething) return;
    member.accept(given);
    if (member.masterName === master) return;
    member.masterName = master;
    member.isFollowing = false;
    member.version += 1;
  }

  #updateTerms(member: ModelMember, terms: GroupTerms): void {
    const known = member.terms;
    if (known === undefined || terms.epoch !== known.epoch) return;
    if (terms.setVersion <= known.setVersion) return;
    member.terms = terms;
    member.counted = [];
    member.wanted = undefined;
    member.version += 1;
    this.confirm(member.name);
  }

  #handOver(controller: string, member: ModelMember, given: Epoch, target: string): void {
    if (member.accepted !== given || !member.isMasterOfSomething) return;
    const isLevel = member.acked.get(target) === member.log.length;
    if (!isLevel || member.role === 'promoting') {
      this.#handOverSeen(controller, 'the target is not level');
      return;
    }
    member.role = 'handing-over';
    member.version += 1;
    this.#handOverSeen(controller, undefined);
  }

  #handOverSeen(controller: string, reason: string | undefined): void {
    const { transition, epoch: current } = this.stored ?? {};
    const key = `${current ?? 0} ${transition?.target ?? ''} ${transition?.startedAtMs ?? 0}`;
    this.#controller(controller).handOver = {
      key,
      seen: reason === undefined ? { outcome: 'ready' } : { outcome: 'failed', reason },
    };
  }

  #revokeAt(controller: string, address: string, given: Epoch): void {
    if (!this.isUp(controller, address)) return;
    const nameServer = this.#nameServer(address);
    if (given < nameServer.floor) return;
    nameServer.floor = given;
    nameServer.isTold = true;
    const lower = nameServer.masters.filter((master) => master.epoch < given);
    const lastMs = Math.max(nameServer.upSinceMs, ...lower.map(({ atMs }) => atMs));
    const eyes = this.#controller(controller);
    const known = eyes.promised.get(address);
    const isSame = known?.run === nameServer.run && known.epoch === given;
    const before = isSame ? known.quietMs + this.nowMs - known.atMs : 0;
    eyes.promised.set(address, {
      epoch: given,
      run: nameServer.run,
      quietMs: Math.max(this.nowMs - lastMs, before),
      expiryMs: EXPIRY_MS,
      atMs: this.nowMs,
    });
  }

  #open(master: ModelMember): void {
    master.role = 'master';
    master.version += 1;
    const { terms } = master;
    if (terms?.replication === 'sync' && !this.spec.uncleanElection) {
      const has = new Set(master.log.map(({ id }) => id));
      const lost = this.acknowledged.filter(({ id }) => !has.has(id));
      this.#check(
        lost.length === 0,
        `${master.name} opened epoch ${master.accepted} and lacks acknowledged entries`,
      );
    }
    this.#highestOpen = Math.max(this.#highestOpen, master.accepted);
  }

  #acknowledge(master: ModelMember, entry: Entry): void {
    if (!this.spec.uncleanElection) {
      this.#check(
        master.accepted >= this.#highestOpen,
        `${master.name} acknowledged in epoch ${master.accepted} after epoch ${this.#highestOpen} had opened`,
      );
    }
    this.acknowledged.push(entry);
  }

  #leaseLeftMs(member: ModelMember): number {
    const sent = [...member.granted.values()].toSorted((a, b) => b - a);
    const majority = Math.floor(this.nameServers.size / 2);
    return (sent[majority] ?? -Infinity) + LEASE_MS - this.nowMs;
  }

  #seen(controller: string, member: ModelMember, sequence: number): void {
    const eyes = this.#controller(controller);
    eyes.failed.delete(member.name);
    eyes.seen.set(member.name, { status: member.status(), atMs: this.nowMs, sequence });
  }

  #nameServer(name: string): ModelNameServer {
    const found = this.nameServers.get(name);
    if (found === undefined) throw new Error(`no NameServer ${name}`);
    return found;
  }

  #controller(name: string): ModelController {
    const found = this.controllers.get(name);
    if (found === undefined) throw new Error(`no controller ${name}`);
    return found;
  }

  #check(isTrue: boolean, violation: string): void {
    if (!isTrue) this.violations.push(violation);
  }
}
