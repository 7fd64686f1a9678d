import type { Environment } from '../common/environment/environment.ts';
import { isDiskError, isStoreError } from './store/store-error.ts';
import { isMqError } from '../common/errors/mq-error.ts';
import type { BrokerState } from './state/broker-state.ts';
import type { GroupTopic } from './state/group-table.ts';
import type { MessageLocator } from './state/message-locator.ts';
import type { MessageReader } from './state/message-reader.ts';

/** Queues whose oldest message is read in one round; the next round goes on where this one ended. */
const QUEUES_PER_ROUND = 256;

/** Store time of the oldest message, wall ms, by what it is the oldest of. */
interface OldestTimes {
  /** Not acknowledged. */
  readonly unfinishedMs: number | undefined;
  /** Not handed out yet. */
  readonly undeliveredMs: number | undefined;
}

/**
 * How old the oldest message is that a group has not finished, or not even been given. The answer lies in the log, which a
 * scrape cannot wait for: so it is sampled in rounds, and a scrape shows the age of what the last sample found.
 */
export class LagSampler {
  readonly #state: BrokerState;
  readonly #locator: MessageLocator;
  readonly #reader: MessageReader;
  readonly #environment: Environment;
  readonly #oldest = new WeakMap<GroupTopic, OldestTimes>();
  #logOldestMs: number | undefined;
  #rest: GroupTopic[] = [];
  #isRunning = false;

  constructor(
    state: BrokerState,
    locator: MessageLocator,
    reader: MessageReader,
    environment: Environment,
  ) {
    this.#state = state;
    this.#locator = locator;
    this.#reader = reader;
    this.#environment = environment;
  }

  /** Age of the oldest unfinished message of the group on the topic; 0 when there is none. */
  lagLatencyMs(standing: GroupTopic): number {
    return this.#age(this.#oldest.get(standing)?.unfinishedMs);
  }

  /** Age of the oldest message that nobody of the group has been given; 0 when there is none. */
  queueingLatencyMs(standing: GroupTopic): number {
    return this.#age(this.#oldest.get(standing)?.undeliveredMs);
  }

  /** Age of the oldest record of the log; `firstRecord` reads it. */
  reserveTimeMs(): number {
    return this.#age(this.#logOldestMs);
  }

  /** One round; a second call while one is under way does nothing. */
  async sample(firstStoreTimeMs: () => number | undefined): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      this.#logOldestMs = firstStoreTimeMs();
      await this.#round();
    } catch (error) {
      // A record that cannot be read is reported by whoever needs it; a sample can wait.
      if (!isDiskError(error) && !isStoreError(error) && !isMqError(error)) throw error;
    } finally {
      this.#isRunning = false;
    }
  }

  async #round(): Promise<void> {
    if (this.#rest.length === 0) {
      for (const group of this.#state.groups.all()) this.#rest.push(...group.topics.values());
    }
    for (let looked = 0; looked < QUEUES_PER_ROUND;) {
      const standing = this.#rest.pop();
      if (standing === undefined) return;
      looked += standing.queues.length;
      let unfinishedMs: number | undefined;
      let undeliveredMs: number | undefined;
      for (const { queueNo, committed, position } of standing.queues) {
        unfinishedMs = earlier(unfinishedMs, await this.#storeTime(queueNo, committed));
        undeliveredMs = earlier(undeliveredMs, await this.#storeTime(queueNo, position));
      }
      this.#oldest.set(standing, { unfinishedMs, undeliveredMs });
    }
  }

  async #storeTime(queueNo: number, offset: number): Promise<number | undefined> {
    const at = Math.max(offset, this.#state.index.minOffset(queueNo));
    if (at >= this.#state.index.endOffset(queueNo)) return undefined;
    const entry = await this.#locator.entry(queueNo, at);
    return entry === undefined ? undefined : (await this.#reader.record(entry)).storeTimeMs;
  }

  #age(storeTimeMs: number | undefined): number {
    return storeTimeMs === undefined
      ? 0
      : Math.max(0, this.#environment.clock.nowMs() - storeTimeMs);
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
