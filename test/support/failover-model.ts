/**
 * A broker group, its NameServers and any number of controllers as plain values, moved one event at a time: whoever drives it
 * chooses the order. Members keep what orbitmq.v1.Member promises; the controllers run the real `planGroup`. Broken promises
 * of the whole are collected in `violations`.
 */
import type { GroupTerms, MemberStatus } from '../../common/model/broker-group.ts';
import type { Epoch } from '../../common/model/offsets.ts';
import type { EpochRevocation, HeardMembers } from '../../common/model/witness.ts';
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
import { GROUP, ModelMember, type Entry } from './failover-member.ts';

export const EXPIRY_MS = 5_000;
const LEASE_MS = 3_500;
export const TIMINGS = timingsFor(500);

/** Which links are cut, as `from>to`; `c0` is a controller, `n0` a NameServer, members have their names. */
export type Links = Set<string>;

class ModelNameServer {
  run = 1;
  floor = 0;
  isTold = false;
  upSinceMs = -100_000;
  readonly heard = new Map<string, { runId: string; atMs: number; isGone: boolean }>();
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

interface HeardThen {
  readonly at: number;
  readonly sequence: number;
  readonly answer: HeardMembers;
  readonly run: number;
}

class ModelController {
  readonly seen = new Map<string, SeenMember>();
  readonly failed = new Set<string>();
  readonly heard = new Map<string, HeardThen>();
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
  /** Orders to become a master, all that were ever given: each may arrive late, or once more. */
  readonly promotions: Extract<Order, { kind: 'promote' }>[] = [];
  #sequence = 0;
  #nextId = 1;
  readonly #promoted = new Map<number, string>();
  /** The master of the highest epoch that has opened. */
  #newest: { readonly member: ModelMember; readonly epoch: number } | undefined;

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

  /** Says goodbye to whoever hears it, and ends. */
  leave(name: string): void {
    for (const [address, { heard }] of this.nameServers) {
      const entry = heard.get(name);
      if (entry !== undefined && this.isUp(name, address))
        heard.set(name, { ...entry, isGone: true });
    }
    this.crash(name);
  }

  /** Its log takes no more, and neither does the file of its epochs. */
  fillDisk(name: string): void {
    const member = this.member(name);
    if (!member.isAlive) return;
    member.isDiskFull = true;
    member.isUnfit = true;
    member.resign();
  }

  freeDisk(name: string): void {
    const member = this.member(name);
    member.isDiskFull = false;
    member.isUnfit = false;
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
    nameServer.heard.set(from, { runId: member.runId, atMs: this.nowMs, isGone: false });
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
    const sequence = ++this.#sequence;
    const { run } = this.#nameServer(name);
    const answer = this.hear(name);
    this.#controller(controller).heard.set(name, { at: this.nowMs, sequence, answer, run });
  }

  /** What a NameServer says that it has heard. */
  hear(name: string): HeardMembers {
    const nameServer = this.#nameServer(name);
    return {
      nameServerRunId: `${name}-${nameServer.run}`,
      upMs: this.nowMs - nameServer.upSinceMs,
      heartbeatExpiryMs: EXPIRY_MS,
      members: [...nameServer.heard].map(([memberName, { runId, atMs, isGone }]) => ({
        ...{ brokerName: GROUP, memberName, runId, epoch: 0, isSlave: false },
        ...{ memberAddress: { host: 'localhost', port: 1 }, silentMs: this.nowMs - atMs },
        ...{ isConnected: true, isGone, logEndOffset: 0, confirmOffset: 0 },
      })),
    };
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
          heard: isRecent ? heard.answer : undefined,
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
    if (order.kind === 'promote') this.promotions.push(order);
    const member = this.member(order.member.name);
    const eyes = this.#controller(controller);
    if (!member.isAlive || !this.isUp(controller, member.name)) {
      eyes.failed.add(member.name);
      if (order.kind === 'hand-over') this.#handOverSeen(controller, 'the master is away');
      return;
    }
    const sequence = ++this.#sequence;
    const refusal = this.obey(member, order);
    if (order.kind === 'hand-over') this.#handOverSeen(controller, refusal);
    this.#seen(controller, member, sequence);
  }

  /** An order that was on its way for long. */
  promoteLate(index: number): void {
    const order = this.promotions.at(index);
    const member = order && this.member(order.member.name);
    if (order !== undefined && member?.isAlive === true) this.obey(member, order);
  }

  /** What a member does when it is told something; why not, when it is asked to hand over and cannot. */
  obey(member: ModelMember, order: Exclude<Order, { kind: 'revoke-epoch' }>): string | undefined {
    switch (order.kind) {
      case 'revoke':
        member.accept(order.epoch);
        return undefined;
      case 'promote':
        this.#promote(member, order.runId, order.terms);
        return undefined;
      case 'follow':
        this.#follow(member, order.epoch, order.master.name);
        return undefined;
      case 'update-terms':
        this.#updateTerms(member, order.terms);
        return undefined;
      case 'hand-over':
        return handOver(member, order.epoch, order.target);
      case 'resume':
        if (member.role === 'handing-over' && member.accepted === order.epoch) {
          member.role = 'master';
          member.version += 1;
        }
        return undefined;
      case 'ask':
        return undefined;
    }
  }

  #promote(member: ModelMember, runId: string, terms: GroupTerms): void {
    if (runId !== member.runId || terms.epoch < member.accepted) return;
    if (member.accepted === terms.epoch && (member.isMasterOfSomething || member.hasResigned))
      return;
    if (!member.accept(terms.epoch)) return;
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
    if (!member.accept(given)) return;
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
    const { isAccepted, silentMs, upMs } = this.revokeEpoch(address, given);
    if (!isAccepted) return;
    const { run } = this.#nameServer(address);
    const eyes = this.#controller(controller);
    const known = eyes.promised.get(address);
    const isSame = known?.run === run && known.epoch === given;
    const before = isSame ? known.quietMs + this.nowMs - known.atMs : 0;
    const quietMs = Math.max(silentMs ?? upMs, before);
    const promised = { epoch: given, run, quietMs, expiryMs: EXPIRY_MS, atMs: this.nowMs };
    eyes.promised.set(address, promised);
  }

  /** What a NameServer does when it is told an epoch. */
  revokeEpoch(address: string, given: number): EpochRevocation {
    const nameServer = this.#nameServer(address);
    const isAccepted = given >= nameServer.floor;
    if (isAccepted) {
      nameServer.floor = given;
      nameServer.isTold = true;
    }
    const lower = nameServer.masters.filter((master) => master.epoch < given);
    const last = lower.length === 0 ? undefined : Math.max(...lower.map(({ atMs }) => atMs));
    return {
      ...{ isAccepted, epoch: nameServer.floor, nameServerRunId: `${address}-${nameServer.run}` },
      upMs: this.nowMs - nameServer.upSinceMs,
      silentMs: last === undefined ? undefined : this.nowMs - last,
    };
  }

  #open(master: ModelMember): void {
    master.role = 'master';
    master.version += 1;
    const { terms } = master;
    // One that is late, with answers that were given before the next epoch: it confirms nothing more.
    if (master.accepted < (this.#newest?.epoch ?? 0)) return;
    if (terms?.replication === 'sync' && !this.spec.uncleanElection) {
      const has = new Set(master.log.map(({ id }) => id));
      const lost = this.acknowledged.filter(({ id }) => !has.has(id));
      this.#check(
        lost.length === 0,
        `${master.name} opened epoch ${master.accepted} and lacks acknowledged entries`,
      );
    }
    this.#newest = { member: master, epoch: master.accepted };
  }

  #acknowledge(master: ModelMember, entry: Entry): void {
    if (!this.spec.uncleanElection) {
      const { member, epoch: newest = 0 } = this.#newest ?? {};
      // What the newest master has confirmed by its own log may be said by the one before it as well.
      const isKept = member?.log.some(({ id }) => id === entry.id) === true;
      this.#check(
        master.accepted >= newest || isKept,
        `${master.name} acknowledged in epoch ${master.accepted} after epoch ${newest} had opened without it`,
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

function handOver(member: ModelMember, given: Epoch, target: string): string | undefined {
  if (member.accepted !== given || !member.isMasterOfSomething) return 'it is not the master';
  if (member.role === 'promoting') return 'it is being promoted';
  if (member.acked.get(target) !== member.log.length) return 'the target is not level';
  member.role = 'handing-over';
  member.version += 1;
  return undefined;
}
