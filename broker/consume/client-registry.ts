import type { Clock } from '../../common/environment/clock.ts';
import type { TagFilter } from './core/tag-filter.ts';

/** A consumer as it has announced itself. */
export interface ConsumerClient {
  readonly clientId: string;
  readonly clientType: string;
  readonly language: string;
  readonly version: string;
  readonly peer: string;
  /** Full names. */
  readonly group: string;
  readonly filters: ReadonlyMap<string, TagFilter>;
  lastSeenWallMs: number;
  lastSeenMs: number;
}

export interface ProducerClient {
  readonly clientId: string;
  readonly language: string;
  readonly version: string;
  lastSeenMs: number;
}

/** One way in which members of a group subscribe to a topic. */
export interface SubscriptionVariant {
  /** undefined = these members do not subscribe to the topic at all. */
  readonly filterKey: string | undefined;
  readonly clientIds: readonly string[];
}

export interface SubscriptionConflict {
  readonly topic: string;
  readonly variants: readonly SubscriptionVariant[];
}

/** Clients that are alive: announced, and heard of within the expiry. Volatile; clients announce themselves again. */
export class ClientRegistry {
  readonly #clock: Clock;
  readonly #expiryMs: number;
  readonly #consumers = new Map<string, ConsumerClient>();
  readonly #producers = new Map<string, ProducerClient>();
  readonly #groups = new Map<string, Set<ConsumerClient>>();

  constructor(clock: Clock, expiryMs: number) {
    this.#clock = clock;
    this.#expiryMs = expiryMs;
  }

  addConsumer(client: Omit<ConsumerClient, 'lastSeenMs' | 'lastSeenWallMs'>): void {
    this.remove(client.clientId);
    const seen = { lastSeenMs: this.#clock.monotonicMs(), lastSeenWallMs: this.#clock.nowMs() };
    const consumer: ConsumerClient = { ...client, ...seen };
    this.#consumers.set(client.clientId, consumer);
    const members = this.#groups.get(client.group) ?? new Set();
    members.add(consumer);
    this.#groups.set(client.group, members);
  }

  addProducer(client: Omit<ProducerClient, 'lastSeenMs'>): void {
    this.#producers.set(client.clientId, { ...client, lastSeenMs: this.#clock.monotonicMs() });
  }

  /** A sign of life that is not an announcement. */
  touch(clientId: string): void {
    const consumer = this.#consumers.get(clientId);
    if (consumer !== undefined) {
      consumer.lastSeenMs = this.#clock.monotonicMs();
      consumer.lastSeenWallMs = this.#clock.nowMs();
    }
    const producer = this.#producers.get(clientId);
    if (producer !== undefined) producer.lastSeenMs = this.#clock.monotonicMs();
  }

  /** True when the client was known as a consumer. */
  remove(clientId: string): boolean {
    this.#producers.delete(clientId);
    const consumer = this.#consumers.get(clientId);
    if (consumer === undefined) return false;
    this.#consumers.delete(clientId);
    const members = this.#groups.get(consumer.group);
    members?.delete(consumer);
    if (members?.size === 0) this.#groups.delete(consumer.group);
    return true;
  }

  isAlive(clientId: string): boolean {
    return this.#consumers.has(clientId);
  }

  consumer(clientId: string): ConsumerClient | undefined {
    return this.#consumers.get(clientId);
  }

  members(group: string): Iterable<ConsumerClient> {
    return this.#groups.get(group) ?? [];
  }

  consumers(): Iterable<ConsumerClient> {
    return this.#consumers.values();
  }

  producers(): Iterable<ProducerClient> {
    return this.#producers.values();
  }

  groupNames(): Iterable<string> {
    return this.#groups.keys();
  }

  /** Ids of clients that have been silent for the expiry. */
  silent(): string[] {
    const limitMs = this.#clock.monotonicMs() - this.#expiryMs;
    const ids: string[] = [];
    for (const client of this.#consumers.values())
      if (client.lastSeenMs < limitMs) ids.push(client.clientId);
    for (const client of this.#producers.values())
      if (client.lastSeenMs < limitMs) ids.push(client.clientId);
    return ids;
  }

  /** Topics that the live members of a group subscribe to differently. */
  conflicts(group: string): SubscriptionConflict[] {
    const members = [...this.members(group)];
    const topics = new Set(members.flatMap((member) => [...member.filters.keys()]));
    const conflicts: SubscriptionConflict[] = [];
    for (const topic of [...topics].sort()) {
      const byFilter = new Map<string | undefined, string[]>();
      for (const member of members) {
        const key = member.filters.get(topic)?.key;
        const ids = byFilter.get(key) ?? [];
        ids.push(member.clientId);
        byFilter.set(key, ids);
      }
      if (byFilter.size < 2) continue;
      const variants = [...byFilter]
        .sort(([a], [b]) => byFilterKey(a, b))
        .map(([filterKey, clientIds]) => ({ filterKey, clientIds: clientIds.sort() }));
      conflicts.push({ topic, variants });
    }
    return conflicts;
  }
}

/** One order for one disagreement, whoever has announced itself last; "not subscribed" comes last. */
function byFilterKey(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return a < b ? -1 : Number(a > b);
}
