import type { BrokerDelta } from '../../../common/model/broker-report.ts';
import type { ConsumerGroupConfig } from '../../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../../common/model/topic.ts';

/** The configuration as it is now, by full name. */
export interface ConfigurationSource {
  topic(name: string): TopicConfig | undefined;
  group(name: string): ConsumerGroupConfig | undefined;
}

/** Bytes that each part takes on the wire. */
export interface DeltaSizes {
  topic(topic: TopicConfig): number;
  group(group: ConsumerGroupConfig): number;
  name(name: string): number;
}

/** Half a MiB: a frame stays far below what any receiver takes, and a NameServer decodes it in a few milliseconds. */
const DELTA_BYTES_MAX = 512 * 1024;

interface Draft {
  topics: TopicConfig[];
  removedTopics: string[];
  groups: ConsumerGroupConfig[];
  removedGroups: string[];
  bytes: number;
}

/**
 * The way from one version to another, delta by delta, none larger than a frame should be. Each is made when it is asked for,
 * from the configuration of that moment: what changes meanwhile is told by the next transfer once more.
 */
export class DeltaTransfer {
  readonly baseVersion: number;
  readonly version: number;
  readonly #source: ConfigurationSource;
  readonly #sizes: DeltaSizes;
  readonly #bytesMax: number;
  readonly #topics: readonly string[];
  readonly #groups: readonly string[];
  #nextTopic = 0;
  #nextGroup = 0;

  constructor(
    versions: { readonly base: number; readonly target: number },
    names: { readonly topics: Iterable<string>; readonly groups: Iterable<string> },
    source: ConfigurationSource,
    sizes: DeltaSizes,
    bytesMax = DELTA_BYTES_MAX,
  ) {
    this.baseVersion = versions.base;
    this.version = versions.target;
    this.#topics = [...names.topics];
    this.#groups = [...names.groups];
    this.#source = source;
    this.#sizes = sizes;
    this.#bytesMax = bytesMax;
  }

  /** The next delta; the one with `isComplete` is the last. */
  next(): BrokerDelta {
    const draft: Draft = { topics: [], removedTopics: [], groups: [], removedGroups: [], bytes: 0 };
    while (this.#nextTopic < this.#topics.length && draft.bytes < this.#bytesMax) {
      this.#addTopic(draft, this.#topics[this.#nextTopic++] ?? '');
    }
    while (this.#nextGroup < this.#groups.length && draft.bytes < this.#bytesMax) {
      this.#addGroup(draft, this.#groups[this.#nextGroup++] ?? '');
    }
    const { topics, removedTopics, groups, removedGroups } = draft;
    const isComplete =
      this.#nextTopic === this.#topics.length && this.#nextGroup === this.#groups.length;
    const { baseVersion, version } = this;
    return { baseVersion, version, isComplete, topics, removedTopics, groups, removedGroups };
  }

  #addTopic(draft: Draft, name: string): void {
    const topic = this.#source.topic(name);
    if (topic === undefined) draft.removedTopics.push(name);
    else draft.topics.push(topic);
    draft.bytes += topic === undefined ? this.#sizes.name(name) : this.#sizes.topic(topic);
  }

  #addGroup(draft: Draft, name: string): void {
    const group = this.#source.group(name);
    if (group === undefined) draft.removedGroups.push(name);
    else draft.groups.push(group);
    draft.bytes += group === undefined ? this.#sizes.name(name) : this.#sizes.group(group);
  }
}
