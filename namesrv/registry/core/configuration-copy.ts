import type { BrokerDelta } from '../../../common/model/broker-report.ts';
import type { ConsumerGroupConfig } from '../../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../../common/model/topic.ts';

/** Names that one transfer may carry; far above what a broker can have. */
const STAGED_NAMES_MAX = 4_000_000;

/**
 * Topics and groups of one broker as far as they are known: always those of one version, since a transfer in several deltas
 * takes effect as a whole.
 */
export class ConfigurationCopy {
  #version = 0;
  #topics = new Map<string, TopicConfig>();
  #groups = new Map<string, ConsumerGroupConfig>();
  #staged: BrokerDelta[] = [];
  #stagedNames = 0;

  /** Version that is known completely; 0: none. */
  get version(): number {
    return this.#version;
  }

  get topics(): ReadonlyMap<string, TopicConfig> {
    return this.#topics;
  }

  get groups(): ReadonlyMap<string, ConsumerGroupConfig> {
    return this.#groups;
  }

  /** A new stream begins: what an earlier one has begun is void. */
  restart(): void {
    this.#staged = [];
    this.#stagedNames = 0;
  }

  /** Versions start anew; what is known goes on being answered until all of the new run has been told. */
  startRun(): void {
    this.restart();
    this.#version = 0;
  }

  forget(): void {
    this.startRun();
    this.#topics = new Map();
    this.#groups = new Map();
  }

  /**
   * Takes the next delta of the stream. One that does not go on from what is known is left aside: `version` then tells the
   * broker where to begin. False when there is too much of it.
   */
  take(delta: BrokerDelta): boolean {
    const [first] = this.#staged;
    const goesOn = first?.baseVersion === delta.baseVersion && first.version === delta.version;
    if (!goesOn) {
      this.restart();
      if (delta.baseVersion !== 0 && delta.baseVersion !== this.#version) return true;
    }
    this.#staged.push(delta);
    this.#stagedNames += namesIn(delta);
    if (this.#stagedNames > STAGED_NAMES_MAX) {
      this.restart();
      return false;
    }
    if (delta.isComplete) this.#apply(delta);
    return true;
  }

  #apply({ baseVersion, version }: BrokerDelta): void {
    if (baseVersion === 0) {
      this.#topics = new Map();
      this.#groups = new Map();
    }
    for (const { topics, removedTopics, groups, removedGroups } of this.#staged) {
      for (const topic of topics) this.#topics.set(topic.name, topic);
      for (const name of removedTopics) this.#topics.delete(name);
      for (const group of groups) this.#groups.set(group.name, group);
      for (const name of removedGroups) this.#groups.delete(name);
    }
    this.#version = version;
    this.restart();
  }
}

function namesIn(delta: BrokerDelta): number {
  const { topics, removedTopics, groups, removedGroups } = delta;
  return topics.length + removedTopics.length + groups.length + removedGroups.length;
}
