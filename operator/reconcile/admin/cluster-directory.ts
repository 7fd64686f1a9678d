import type { Clock } from '../../../common/environment/clock.ts';
import type { ConsumerGroupConfig } from '../../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../../common/model/topic.ts';
import type { BrokerAdmin } from './broker-admin.ts';

/** What one broker group has, as it was listed last. */
export interface BrokerContent {
  readonly brokerName: string;
  /** It is on its way out. */
  readonly isReadOnly: boolean;
  /** Undefined: it could not be asked. */
  readonly topics: ReadonlyMap<string, TopicConfig> | undefined;
  readonly groups: ReadonlyMap<string, ConsumerGroupConfig> | undefined;
}

export interface DirectoryBroker {
  readonly brokerName: string;
  readonly isReadOnly: boolean;
  readonly admin: BrokerAdmin;
}

/** Lists are shared for so long: two hundred resources that are looked at together cost one list for each broker group. */
const FRESH_MS = 1_000;

interface Listed {
  readonly atMs: number;
  readonly content: Promise<Lists | undefined>;
}

interface Lists {
  readonly topics: Map<string, TopicConfig>;
  readonly groups: Map<string, ConsumerGroupConfig>;
}

/** What the broker groups of one cluster have, asked for once for all who want to know at the same time. */
export class ClusterDirectory {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** By broker group. */
  readonly #listed = new Map<string, Listed>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Never rejects: a broker group that cannot be asked has no content. */
  async look(brokers: readonly DirectoryBroker[]): Promise<readonly BrokerContent[]> {
    for (const name of this.#listed.keys()) {
      if (!brokers.some(({ brokerName }) => brokerName === name)) this.#listed.delete(name);
    }
    return Promise.all(
      brokers.map(async ({ brokerName, isReadOnly, admin }) => {
        const lists = await this.#lists(brokerName, admin);
        return { brokerName, isReadOnly, topics: lists?.topics, groups: lists?.groups };
      }),
    );
  }

  /** A topic was made, changed or, with undefined, removed there: lists that are shared are to say so. */
  async topicChanged(
    brokerName: string,
    name: string,
    topic: TopicConfig | undefined,
  ): Promise<void> {
    const lists = await this.#listed.get(brokerName)?.content;
    if (topic === undefined) lists?.topics.delete(name);
    else lists?.topics.set(name, topic);
  }

  async groupChanged(
    brokerName: string,
    name: string,
    group: ConsumerGroupConfig | undefined,
  ): Promise<void> {
    const lists = await this.#listed.get(brokerName)?.content;
    if (group === undefined) lists?.groups.delete(name);
    else lists?.groups.set(name, group);
  }

  #lists(brokerName: string, admin: BrokerAdmin): Promise<Lists | undefined> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#listed.get(brokerName);
    if (known !== undefined && nowMs - known.atMs < FRESH_MS) return known.content;
    const content = listsOf(admin);
    this.#listed.set(brokerName, { atMs: nowMs, content });
    return content;
  }
}

async function listsOf(admin: BrokerAdmin): Promise<Lists | undefined> {
  try {
    const [topics, groups] = await Promise.all([admin.listTopics(), admin.listGroups()]);
    return {
      topics: new Map(topics.map((topic) => [topic.name, topic])),
      groups: new Map(groups.map((group) => [group.name, group])),
    };
  } catch {
    // Without a master, or away: whoever asked sees that there is no content, and asks again.
    return undefined;
  }
}
