import { assertNever } from '../../common/assert.ts';
import type { Clock } from '../../common/environment/clock.ts';
import type { RateLimitedLog } from '../../common/log/rate-limited-log.ts';
import type { GroupRecord } from './core/group-record.ts';
import type { Order } from './core/orders.ts';
import { retryMs } from './controller-timings.ts';
import type { GroupEyes } from './group-eyes.ts';
import type { MemberWatch } from './member-watch.ts';
import type { NameServerWatch } from './name-server-watch.ts';

export interface OrderPorts {
  readonly clock: Clock;
  readonly log: RateLimitedLog;
  readonly eyes: GroupEyes;
  member(name: string): MemberWatch | undefined;
  nameServer(address: string): NameServerWatch | undefined;
  /** Something new is known. */
  onSeen(): void;
}

/** An order that is under way, or was sent and has not helped yet. */
interface Sent {
  isUnderWay: boolean;
  attempts: number;
  nextMs: number;
}

/**
 * Sends orders, each at most once at a time, and again after a pause for as long as it is asked for: whoever plans looks at
 * what members say, not at what was sent. Orders to one member never wait for another.
 */
export class OrderSender {
  readonly #ports: OrderPorts;
  /** By what the order says. Bound: the orders of one plan, and those that are still under way. */
  readonly #sent = new Map<string, Sent>();

  constructor(ports: OrderPorts) {
    this.#ports = ports;
  }

  /** Returns at once. */
  send(record: GroupRecord, orders: readonly Order[]): void {
    const keyed = orders.map((order) => [orderKey(order), order] as const);
    const wanted = new Set(keyed.map(([key]) => key));
    for (const [key, sent] of this.#sent) {
      if (!wanted.has(key) && !sent.isUnderWay) this.#sent.delete(key);
    }
    for (const [key, order] of keyed) this.#sendOne(key, record, order);
  }

  /** When an order that waits may be repeated, on the monotonic clock; infinite when none does. */
  nextMs(): number {
    const waiting = [...this.#sent.values()].filter(({ isUnderWay }) => !isUnderWay);
    return Math.min(Infinity, ...waiting.map(({ nextMs }) => nextMs));
  }

  #sendOne(key: string, record: GroupRecord, order: Order): void {
    const nowMs = this.#ports.clock.monotonicMs();
    const sent = this.#sent.get(key) ?? { isUnderWay: false, attempts: 0, nextMs: nowMs };
    if (sent.isUnderWay || nowMs < sent.nextMs) return;
    sent.isUnderWay = true;
    this.#sent.set(key, sent);
    void this.#carryOut(record, order).then(() => {
      sent.isUnderWay = false;
      sent.nextMs = this.#ports.clock.monotonicMs() + retryMs(sent.attempts);
      sent.attempts += 1;
      this.#ports.onSeen();
    });
  }

  /** Never rejects: what failed is logged, and asked for again. */
  async #carryOut(record: GroupRecord, order: Order): Promise<void> {
    if (order.kind === 'revoke-epoch') {
      await this.#tellNameServer(record, order.nameServer, order.epoch);
      return;
    }
    const watch = this.#ports.member(order.member.name);
    if (watch === undefined) return;
    const sequence = watch.begin();
    try {
      const status = await this.#tell(record, order, watch);
      if (status !== undefined) watch.take(sequence, status);
    } catch (error) {
      if (order.kind === 'hand-over') {
        const reason = 'the master did not answer';
        this.#ports.eyes.handOverSeen(record, { outcome: 'failed', reason });
      }
      watch.failed(error);
      await watch.lookForEnd();
    }
  }

  async #tell(
    record: GroupRecord,
    order: Exclude<Order, { kind: 'revoke-epoch' }>,
    { client }: MemberWatch,
  ): Promise<Parameters<MemberWatch['take']>[1] | undefined> {
    const { brokerName } = record;
    switch (order.kind) {
      case 'ask':
        return client.status({ knownVersion: 0, waitMs: 0 });
      case 'revoke':
        return (await client.revoke({ brokerName, epoch: order.epoch })).status;
      case 'promote': {
        const { runId, terms, member } = order;
        const promotion = { brokerName, memberName: member.name, runId, terms };
        const { isAccepted, reason, status } = await client.promote(promotion);
        if (!isAccepted) this.#ports.eyes.promotionRefused(record, reason);
        return status;
      }
      case 'follow': {
        const { epoch, master } = order;
        return (await client.follow({ brokerName, epoch, master })).status;
      }
      case 'update-terms':
        return (await client.updateTerms({ brokerName, terms: order.terms })).status;
      case 'hand-over':
        return this.#handOver(record, order, client);
      case 'resume':
        await client.resume({ brokerName, epoch: order.epoch });
        return undefined;
      default:
        return assertNever(order);
    }
  }

  async #handOver(
    record: GroupRecord,
    { epoch, target, timeoutMs }: Extract<Order, { kind: 'hand-over' }>,
    client: MemberWatch['client'],
  ): Promise<Parameters<MemberWatch['take']>[1]> {
    const { brokerName } = record;
    const order = { brokerName, epoch, targetMember: target, timeoutMs };
    const { isReady, reason, status } = await client.handOver(order);
    this.#ports.eyes.handOverSeen(
      record,
      isReady ? { outcome: 'ready' } : { outcome: 'failed', reason },
    );
    return status;
  }

  async #tellNameServer(record: GroupRecord, address: string, epoch: number): Promise<void> {
    const watch = this.#ports.nameServer(address);
    if (watch === undefined) return;
    const { brokerName } = record;
    try {
      const answer = await watch.client.revokeEpoch(brokerName, epoch);
      this.#ports.eyes.revocationSeen(address, epoch, answer);
      if (answer.isAccepted) return;
      const message = 'a NameServer does not take an epoch';
      const fields = { group: brokerName, address, epoch, itsEpoch: answer.epoch };
      this.#ports.log.log('warn', `epoch ${brokerName} ${address}`, message, fields);
    } catch (error) {
      const message = 'a NameServer could not be told an epoch; it is told again';
      const fields = { group: brokerName, address, epoch, error };
      this.#ports.log.log('warn', `tell ${brokerName} ${address}`, message, fields);
    }
  }
}

/** Two orders with the same key say the same. */
function orderKey(order: Order): string {
  switch (order.kind) {
    case 'ask':
      return `ask ${order.member.name}`;
    case 'revoke':
    case 'resume':
      return `${order.kind} ${order.member.name} ${order.epoch}`;
    case 'promote':
      return `promote ${order.member.name} ${order.runId} ${order.terms.epoch}`;
    case 'follow': {
      const { name, address } = order.master;
      return `follow ${order.member.name} ${order.epoch} ${name} ${address.host} ${address.port}`;
    }
    case 'update-terms':
      return `terms ${order.member.name} ${order.terms.epoch} ${order.terms.setVersion}`;
    case 'hand-over':
      return `hand-over ${order.epoch} ${order.target}`;
    case 'revoke-epoch':
      return `epoch ${order.nameServer} ${order.epoch}`;
    default:
      return assertNever(order);
  }
}
