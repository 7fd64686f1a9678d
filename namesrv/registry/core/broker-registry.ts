/**
 * The brokers that have registered and what they have. Each tells about itself on its own stream; nothing here is written by
 * anybody else, so two NameServers that hear the same brokers answer the same.
 */
import type {
  BrokerHello,
  BrokerReportAck,
  NumberedReport,
} from '../../../common/model/broker-report.ts';
import type { ConsumerGroupConfig } from '../../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../../common/model/topic.ts';
import { Member, type Absence } from './member.ts';

export interface RegistryOptions {
  readonly clusterName: string;
  readonly heartbeatExpiryMs: number;
  /** Drawn at the start of this NameServer. */
  readonly runId: string;
  readonly membersMax?: number;
  /** A broker that has been away for so long is no longer remembered, except for its epoch. */
  readonly forgetAfterMs?: number;
}

/** Told once for each change: these are the lines of the log. */
export interface RegistryListener {
  brokerUp(member: Member): void;
  brokerDown(member: Member, absence: Absence): void;
  brokerForgotten(member: Member): void;
  brokerRefused(brokerName: string, reason: string): void;
}

const MEMBERS_MAX = 10_000;
const FORGET_AFTER_MS = 10 * 60_000;
/** Heartbeats that must fit into the expiry, so that a late one is no silence. */
const HEARTBEATS_PER_EXPIRY_MIN = 2;

export class BrokerRegistry {
  readonly #options: Required<RegistryOptions>;
  readonly #listener: RegistryListener;
  readonly #members = new Map<string, Member>();
  readonly #byStream = new Map<number, Member>();
  /** Members in the routes, by name: an order that is the same on every NameServer and never changes. */
  #up: readonly Member[] = [];

  constructor(options: RegistryOptions, listener: RegistryListener) {
    this.#options = { membersMax: MEMBERS_MAX, forgetAfterMs: FORGET_AFTER_MS, ...options };
    this.#listener = listener;
  }

  /** Brokers in the routes, in their order. */
  get up(): readonly Member[] {
    return this.#up;
  }

  /** All that are remembered, in the same order. */
  get members(): readonly Member[] {
    return [...this.#members.values()].sort(byName);
  }

  member(brokerName: string): Member | undefined {
    return this.#members.get(brokerName);
  }

  routes(topic: string): { readonly member: Member; readonly topic: TopicConfig }[] {
    return this.#up.flatMap((member) => {
      const config = member.configuration.topics.get(topic);
      return config === undefined ? [] : [{ member, topic: config }];
    });
  }

  /** The group's settings on the first broker that has it: they are the same on all. */
  group(name: string): ConsumerGroupConfig | undefined {
    for (const { configuration } of this.#up) {
      const group = configuration.groups.get(name);
      if (group !== undefined) return group;
    }
    return undefined;
  }

  /**
   * The answer to a report. `stream` tells streams apart and is never used twice. After a refusal the stream must be ended;
   * what still comes on it is refused as well.
   */
  report(stream: number, { sequence, report }: NumberedReport, nowMs: number): BrokerReportAck {
    if (report.kind === 'hello') return this.#hello(stream, sequence, report.hello, nowMs);
    const member = this.#byStream.get(stream);
    if (member === undefined)
      return this.#refusal(sequence, 0, 'the stream has not begun with a hello');
    if (member.stream !== stream) {
      return this.#refusal(
        sequence,
        member.hello.epoch,
        'another stream of the broker has replaced this one',
      );
    }
    if (sequence !== member.sequence + 1) {
      this.closed(stream);
      return this.#refusal(
        sequence,
        member.hello.epoch,
        `report ${sequence} came after ${member.sequence}`,
      );
    }
    member.sequence = sequence;
    member.lastHeardMs = nowMs;
    if (report.kind === 'goodbye') {
      this.closed(stream);
      this.#down(member, 'gone');
      return this.#ack(member, sequence);
    }
    if (report.kind === 'heartbeat') member.heartbeat = report.heartbeat;
    else if (!member.configuration.take(report.delta)) {
      this.closed(stream);
      return this.#refusal(sequence, member.hello.epoch, 'it has too many topics and groups');
    }
    this.#upIfKnown(member);
    return this.#ack(member, sequence);
  }

  /** The stream has ended. The broker stays in the routes until it has been silent for the expiry. */
  closed(stream: number): void {
    const member = this.#byStream.get(stream);
    this.#byStream.delete(stream);
    if (member?.stream === stream) member.stream = undefined;
  }

  /** To be called every fraction of the expiry. */
  expire(nowMs: number): void {
    const { heartbeatExpiryMs, forgetAfterMs } = this.#options;
    for (const member of this.#members.values()) {
      const silentMs = nowMs - member.lastHeardMs;
      if (silentMs <= heartbeatExpiryMs) continue;
      if (member.isUp) this.#down(member, 'silent');
      if (silentMs > forgetAfterMs && member.stream === undefined) this.#forget(member);
    }
  }

  #hello(stream: number, sequence: number, hello: BrokerHello, nowMs: number): BrokerReportAck {
    const known = this.#members.get(hello.brokerName);
    const epoch = Math.max(hello.epoch, known?.hello.epoch ?? 0);
    const reason = this.#whyNot(stream, sequence, hello, known, nowMs);
    if (reason !== undefined) {
      this.#listener.brokerRefused(hello.brokerName, reason);
      return this.#refusal(sequence, epoch, reason);
    }
    const member = known ?? new Member(hello);
    this.#members.set(member.name, member);
    this.#byStream.set(stream, member);
    member.adopt(hello, stream);
    member.lastHeardMs = nowMs;
    this.#upIfKnown(member);
    return this.#ack(member, sequence);
  }

  #whyNot(
    stream: number,
    sequence: number,
    hello: BrokerHello,
    known: Member | undefined,
    nowMs: number,
  ): string | undefined {
    const { clusterName, heartbeatExpiryMs, membersMax } = this.#options;
    if (this.#byStream.has(stream) || sequence !== 1)
      return 'a hello is the first report of a stream';
    if (hello.clusterName !== clusterName) {
      return `it belongs to the cluster ${hello.clusterName}, this is ${clusterName}`;
    }
    if (hello.heartbeatIntervalMs * HEARTBEATS_PER_EXPIRY_MIN > heartbeatExpiryMs) {
      return `it beats every ${hello.heartbeatIntervalMs} ms, but is silent after ${heartbeatExpiryMs} ms here`;
    }
    if (known === undefined) {
      return this.#members.size < membersMax ? undefined : `${membersMax} brokers are registered`;
    }
    if (hello.epoch < known.hello.epoch) {
      return `its epoch ${hello.epoch} is over, the present one is ${known.hello.epoch}`;
    }
    return isNameTaken(hello, known, nowMs - heartbeatExpiryMs)
      ? `${addressOf(known.hello)} has registered under the same name`
      : undefined;
  }

  #upIfKnown(member: Member): void {
    if (member.isUp) return;
    if (member.configuration.version === 0) {
      member.absence = 'unknown';
      return;
    }
    member.absence = undefined;
    this.#refreshUp();
    this.#listener.brokerUp(member);
  }

  #down(member: Member, absence: Absence): void {
    const wasUp = member.isUp;
    member.absence = absence;
    this.#refreshUp();
    if (wasUp) this.#listener.brokerDown(member, absence);
  }

  /** The epoch stays: a master that comes back after all this time must still be refused. */
  #forget(member: Member): void {
    if (member.configuration.version > 0 || member.configuration.topics.size > 0) {
      member.configuration.forget();
      this.#listener.brokerForgotten(member);
    }
    if (member.hello.epoch === 0) this.#members.delete(member.name);
  }

  #refreshUp(): void {
    this.#up = this.members.filter(({ isUp }) => isUp);
  }

  #ack(member: Member, sequence: number): BrokerReportAck {
    return {
      sequence,
      refusal: undefined,
      epoch: member.hello.epoch,
      nameServerRunId: this.#options.runId,
      knownVersion: member.configuration.version,
    };
  }

  #refusal(sequence: number, epoch: number, reason: string): BrokerReportAck {
    const { runId } = this.#options;
    return { sequence, refusal: reason, epoch, nameServerRunId: runId, knownVersion: 0 };
  }
}

/**
 * Two processes that were given one name would take the routes from each other again and again. In one epoch, what lives at
 * another address keeps the name until it leaves or expires.
 */
function isNameTaken(hello: BrokerHello, known: Member, silentSinceMs: number): boolean {
  return (
    known.isUp &&
    known.stream !== undefined &&
    known.lastHeardMs > silentSinceMs &&
    known.hello.epoch === hello.epoch &&
    known.hello.runId !== hello.runId &&
    addressOf(known.hello) !== addressOf(hello)
  );
}

function addressOf({ advertised: { host, port } }: BrokerHello): string {
  return `${host}:${port}`;
}

function byName(a: Member, b: Member): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
