import { groupBytes, nameBytes, topicBytes } from '../common/wire/broker-report-codec.ts';
import type { ConsumerGroupConfig } from '../common/model/consumer-group.ts';
import type { TopicConfig } from '../common/model/topic.ts';
import { ChangeJournal, type ChangeKind } from './registration/core/change-journal.ts';
import { DeltaTransfer, type ConfigurationSource } from './registration/core/delta-transfer.ts';

const SIZES = { topic: topicBytes, group: groupBytes, name: nameBytes };

/** What the feed reads; a part of BrokerState. */
export interface ConfigurationState {
  readonly topics: Table<TopicConfig>;
  readonly groups: Table<ConsumerGroupConfig>;
}

interface Table<Config> {
  get(name: string): { readonly config: Config } | undefined;
  all(): Iterable<{ readonly config: Config }>;
}

const NOTHING = { get: () => undefined, all: () => [] };

/** Topics and groups of a broker for whoever keeps a copy of them. */
export class ConfigurationFeed implements ConfigurationSource {
  #state: ConfigurationState;
  readonly #journal: ChangeJournal;
  readonly #listeners = new Set<() => void>();

  /** There is nothing until a `state` comes, here or with `attach`. */
  constructor(
    state: ConfigurationState = { topics: NOTHING, groups: NOTHING },
    journal: ChangeJournal = new ChangeJournal(),
  ) {
    this.#state = state;
    this.#journal = journal;
  }

  /**
   * The data has been opened anew. Only for a member that is not a master: its feed is read when it becomes one, in a new epoch,
   * and then from the beginning.
   */
  attach(state: ConfigurationState): void {
    this.#state = state;
  }

  get version(): number {
    return this.#journal.version;
  }

  topic(name: string): TopicConfig | undefined {
    return this.#state.topics.get(name)?.config;
  }

  group(name: string): ConsumerGroupConfig | undefined {
    return this.#state.groups.get(name)?.config;
  }

  /** To be called after the state has changed. */
  changed(kind: ChangeKind, name: string): void {
    this.#journal.add(kind, name);
    for (const listener of this.#listeners) listener();
  }

  /** The listener is called within the change: it must only note it. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What brings somebody who knows all of version `known` (0: nothing) up to now. */
  transferFrom(known: number): DeltaTransfer {
    const changes = this.#journal.since(known);
    const target = this.#journal.version;
    if (changes !== undefined) {
      return new DeltaTransfer({ base: known, target }, changes, this, SIZES);
    }
    const everything = {
      topics: Array.from(this.#state.topics.all(), ({ config }) => config.name),
      groups: Array.from(this.#state.groups.all(), ({ config }) => config.name),
    };
    return new DeltaTransfer({ base: 0, target }, everything, this, SIZES);
  }
}
