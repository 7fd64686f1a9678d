/**
 * The broker groups that have registered and what they have. Each member tells about itself on its own stream; besides, only
 * the failover controller may say that an epoch is over. So two NameServers that hear the same members answer the same.
 */
import type {
  BrokerHello,
  BrokerReport,
  BrokerReportAck,
  NumberedReport,
} from '../../../common/model/broker-report.ts';
import type { ConsumerGroupConfig } from '../../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../../common/model/topic.ts';
import type { EpochRevocation } from '../../../common/model/witness.ts';
import { BrokerGroup, type Absence } from './broker-group.ts';
import type { GroupMember } from './group-member.ts';
import { whyNotHere, whyNotInGroup } from './hello-check.ts';

export interface RegistryOptions {
  readonly clusterName: string;
  readonly heartbeatExpiryMs: number;
  /** Drawn at the start of this NameServer. */
  readonly runId: string;
  /** When this NameServer has started, on the monotonic clock. */
  readonly startMs: number;
  /** Members remembered, and groups. */
  readonly membersMax?: number;
  /** A member that has been away for so long is no longer remembered, except for the epoch of its group. */
  readonly forgetAfterMs?: number;
}

/** Told once for each change: these are the lines of the log. */
export interface RegistryListener {
  groupUp(group: BrokerGroup): void;
  groupDown(group: BrokerGroup, absence: Absence): void;
  groupForgotten(group: BrokerGroup): void;
  memberRefused(brokerName: string, memberName: string, reason: string): void;
  /** A report came from a master whose epoch is over; it was refused. */
  epochRefused(brokerName: string): void;
  newMaster(group: BrokerGroup, master: GroupMember): void;
  /** Whom requests of the group are forwarded to may be another one now, or nobody, or connected no longer. */
  masterChanged(group: BrokerGroup): void;
}

/** A member with its group. */
interface Place {
  readonly group: BrokerGroup;
  readonly member: GroupMember;
}

export interface TopicRoute {
  readonly group: BrokerGroup;
  readonly topic: TopicConfig;
}

const MEMBERS_MAX = 10_000;
const FORGET_AFTER_MS = 10 * 60_000;

export class BrokerRegistry {
  readonly #options: Required<RegistryOptions>;
  readonly #listener: RegistryListener;
  readonly #groups = new Map<string, BrokerGroup>();
  readonly #byStream = new Map<number, Place>();
  #memberCount = 0;
  /** Groups in the routes, by name: an order that is the same on every NameServer and never changes. */
  #up: readonly BrokerGroup[] = [];

  constructor(options: RegistryOptions, listener: RegistryListener) {
    this.#options = { membersMax: MEMBERS_MAX, forgetAfterMs: FORGET_AFTER_MS, ...options };
    this.#listener = listener;
  }

  /** Drawn at the start of this NameServer. */
  get runId(): string {
    return this.#options.runId;
  }

  /** Groups in the routes, in their order. */
  get up(): readonly BrokerGroup[] {
    return this.#up;
  }

  /** All of which a member is remembered, in the same order. */
  get groups(): readonly BrokerGroup[] {
    return [...this.#groups.values()].filter(({ members }) => members.size > 0).sort(byName);
  }

  /** Also one of which nothing but the epoch is known. */
  broker(brokerName: string): BrokerGroup | undefined {
    return this.#groups.get(brokerName);
  }

  routes(topic: string): TopicRoute[] {
    return this.#up.flatMap((group) => {
      const config = group.configuration.topics.get(topic);
      return config === undefined ? [] : [{ group, topic: config }];
    });
  }

  /** A consumer group's settings on the first broker group that has it: they are the same on all. */
  consumerGroup(name: string): ConsumerGroupConfig | undefined {
    for (const { configuration } of this.#up) {
      const group = configuration.groups.get(name);
      if (group !== undefined) return group;
    }
    return undefined;
  }

  /** A group of which a member lives, but no master has told what it has: whatever is not known may be there. */
  get unknownGroup(): BrokerGroup | undefined {
    return [...this.#groups.values()].find(
      ({ absence, isAnyMemberUp }) => absence === 'unknown' && isAnyMemberUp,
    );
  }

  /**
   * The answer to a report. `stream` tells streams apart and is never used twice. After a refusal the stream must be ended;
   * what still comes on it is refused as well.
   */
  report(stream: number, { sequence, report }: NumberedReport, nowMs: number): BrokerReportAck {
    if (report.kind === 'hello') return this.#hello(stream, sequence, report.hello, nowMs);
    const place = this.#byStream.get(stream);
    if (place === undefined)
      return this.#refusal(sequence, 0, 'the stream has not begun with a hello');
    const { group, member } = place;
    const reason = this.#whyNotTaken(place, stream, sequence, report);
    if (reason !== undefined) {
      this.closed(stream);
      return this.#refusal(sequence, group.epoch, reason);
    }
    member.sequence = sequence;
    group.heard(member, nowMs);
    if (report.kind === 'goodbye') {
      this.closed(stream);
      member.presence = 'gone';
      this.#masterMayHaveChanged(place);
    } else if (report.kind === 'heartbeat') this.#heartbeat(place, report.heartbeat);
    this.#refresh(group);
    return this.#ack(place, sequence, nowMs);
  }

  /** The stream has ended. The member counts as up until it has been silent for the expiry. */
  closed(stream: number): void {
    const place = this.#byStream.get(stream);
    this.#byStream.delete(stream);
    if (place?.member.stream !== stream) return;
    place.member.stream = undefined;
    this.#masterMayHaveChanged(place);
  }

  /** Lower epochs of the group are over. Told the present one, it changes nothing but what this NameServer may grant. */
  revoke(brokerName: string, epoch: number, nowMs: number): EpochRevocation {
    const { runId, startMs, membersMax } = this.#options;
    const known = this.#groups.get(brokerName);
    const hasRoom = known !== undefined || this.#groups.size < membersMax;
    const group = known ?? new BrokerGroup(brokerName);
    const silentMs = Math.round(nowMs - group.heardBelowMs(epoch));
    const isAccepted = hasRoom && epoch >= group.epoch;
    if (isAccepted) {
      this.#groups.set(brokerName, group);
      group.tell(epoch);
      if (group.raise(epoch)) this.#listener.masterChanged(group);
    }
    return {
      isAccepted,
      epoch: group.epoch,
      nameServerRunId: runId,
      upMs: Math.round(nowMs - startMs),
      silentMs: Number.isFinite(silentMs) ? silentMs : undefined,
    };
  }

  /** To be called every fraction of the expiry. */
  expire(nowMs: number): void {
    const { heartbeatExpiryMs, forgetAfterMs } = this.#options;
    for (const group of this.#groups.values()) {
      for (const member of group.members.values()) {
        const silentMs = nowMs - member.lastHeardMs;
        if (silentMs <= heartbeatExpiryMs) continue;
        if (member.isUp) this.#silent({ group, member });
        if (silentMs > forgetAfterMs && member.stream === undefined)
          this.#forget({ group, member });
      }
    }
  }

  #hello(stream: number, sequence: number, hello: BrokerHello, nowMs: number): BrokerReportAck {
    const known = this.#groups.get(hello.brokerName);
    const reason = this.#whyNotWelcome(stream, sequence, hello, nowMs);
    if (reason !== undefined) {
      this.#listener.memberRefused(hello.brokerName, hello.memberName, reason);
      return this.#refusal(sequence, Math.max(hello.epoch, known?.epoch ?? 0), reason);
    }
    const group = known ?? new BrokerGroup(hello.brokerName);
    this.#groups.set(group.name, group);
    if (!group.members.has(hello.memberName)) this.#memberCount += 1;
    const { member, isNewMaster } = group.adopt(hello, stream);
    this.#byStream.set(stream, { group, member });
    group.heard(member, nowMs);
    if (isNewMaster) this.#listener.newMaster(group, member);
    this.#listener.masterChanged(group);
    this.#refresh(group);
    return this.#ack({ group, member }, sequence, nowMs);
  }

  #whyNotWelcome(
    stream: number,
    sequence: number,
    hello: BrokerHello,
    nowMs: number,
  ): string | undefined {
    const { heartbeatExpiryMs, membersMax } = this.#options;
    if (this.#byStream.has(stream) || sequence !== 1)
      return 'a hello is the first report of a stream';
    const reason = whyNotHere(hello, this.#options);
    if (reason !== undefined) return reason;
    const group = this.#groups.get(hello.brokerName);
    const isKnown = group?.members.has(hello.memberName) === true;
    if (!isKnown && this.#memberCount >= membersMax) return `${membersMax} brokers are registered`;
    if (group === undefined) return undefined;
    if (!hello.isSlave && hello.epoch < group.epoch) {
      this.#listener.epochRefused(group.name);
      return epochIsOver(hello.epoch, group.epoch);
    }
    return whyNotInGroup(hello, group, nowMs - heartbeatExpiryMs);
  }

  #whyNotTaken(
    { group, member }: Place,
    stream: number,
    sequence: number,
    report: BrokerReport,
  ): string | undefined {
    if (member.stream !== stream) return 'another stream of the broker has replaced this one';
    if (sequence !== member.sequence + 1) {
      return `report ${sequence} came after ${member.sequence}`;
    }
    if (report.kind !== 'goodbye' && group.isDeposed(member)) {
      this.#listener.epochRefused(group.name);
      return epochIsOver(member.epoch, group.epoch);
    }
    if (report.kind === 'heartbeat' && !member.isSlave && report.heartbeat.epoch !== member.epoch) {
      return `its heartbeat has epoch ${report.heartbeat.epoch}, its hello had ${member.epoch}`;
    }
    if (report.kind !== 'delta') return undefined;
    if (member.isSlave) return 'a slave has no configuration to tell';
    return group.configuration.take(report.delta) ? undefined : 'it has too many topics and groups';
  }

  #heartbeat({ group, member }: Place, heartbeat: NonNullable<GroupMember['heartbeat']>): void {
    member.heartbeat = heartbeat;
    member.epoch = Math.max(member.epoch, heartbeat.epoch);
    if (group.raise(member.epoch)) this.#listener.masterChanged(group);
  }

  #silent(place: Place): void {
    place.member.presence = 'silent';
    this.#masterMayHaveChanged(place);
    this.#refresh(place.group);
  }

  #masterMayHaveChanged({ group, member }: Place): void {
    if (group.chosenMaster === member) this.#listener.masterChanged(group);
  }

  /**
   * A group comes into the routes with a master that has told everything, and stays there while any member lives: in between
   * another one becomes the master, and clients need no new routes for that.
   */
  #refresh(group: BrokerGroup): void {
    if (!group.isAnyMemberUp) this.#down(group);
    else if (!group.isUp) this.#upIfKnown(group);
  }

  #upIfKnown(group: BrokerGroup): void {
    if (group.master === undefined || group.configuration.version === 0) {
      group.absence = 'unknown';
      return;
    }
    group.absence = undefined;
    this.#refreshUp();
    this.#listener.groupUp(group);
  }

  #down(group: BrokerGroup): void {
    const wasUp = group.isUp;
    const isAllGone = [...group.members.values()].every(({ presence }) => presence === 'gone');
    group.absence = isAllGone ? 'gone' : 'silent';
    this.#refreshUp();
    if (wasUp) this.#listener.groupDown(group, group.absence);
  }

  /** The epoch stays: a master that comes back after all this time must still be refused. */
  #forget({ group, member }: Place): void {
    group.remove(member);
    this.#memberCount -= 1;
    if (group.members.size > 0) return;
    const { version, topics } = group.configuration;
    const isKnown = version > 0 || topics.size > 0;
    group.configuration.forget();
    if (group.epoch === 0) this.#groups.delete(group.name);
    if (isKnown) this.#listener.groupForgotten(group);
  }

  #refreshUp(): void {
    this.#up = this.groups.filter(({ isUp }) => isUp);
  }

  #ack({ group, member }: Place, sequence: number, nowMs: number): BrokerReportAck {
    const { runId, startMs, heartbeatExpiryMs } = this.#options;
    return {
      sequence,
      refusal: undefined,
      epoch: group.epoch,
      nameServerRunId: runId,
      knownVersion: member.isSlave ? 0 : group.configuration.version,
      isGranted: group.isGranted(member, nowMs - startMs >= heartbeatExpiryMs),
    };
  }

  #refusal(sequence: number, epoch: number, reason: string): BrokerReportAck {
    const { runId } = this.#options;
    return {
      ...{ sequence, refusal: reason, epoch, nameServerRunId: runId },
      ...{ knownVersion: 0, isGranted: false },
    };
  }
}

function epochIsOver(epoch: number, present: number): string {
  return `its epoch ${epoch} is over, the present one is ${present}`;
}

function byName(a: BrokerGroup, b: BrokerGroup): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
