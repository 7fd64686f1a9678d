import type { NodeOptions } from '../common/options/node-options.ts';
import type { BrokerState } from './state/broker-state.ts';
import type { TopicAdmin } from './state/topic-admin.ts';
import type { Topic } from './state/topic-table.ts';
import { DLQ_PREFIX } from '../common/model/topic.ts';

/** Topics that come into being by being used. */
export class TopicCreation {
  readonly #state: BrokerState;
  readonly #admin: TopicAdmin;
  readonly #options: Pick<NodeOptions, 'autoCreateTopics' | 'defaultQueueCount'>;

  constructor(
    state: BrokerState,
    admin: TopicAdmin,
    options: Pick<NodeOptions, 'autoCreateTopics' | 'defaultQueueCount'>,
  ) {
    this.#state = state;
    this.#admin = admin;
    this.#options = options;
  }

  /** The topic; undefined when it is not there and is not made by its first use. */
  async onFirstUse(name: string): Promise<Topic | undefined> {
    const existing = this.#state.topics.get(name);
    if (existing !== undefined) return existing;
    // A dead-letter topic may be subscribed before the first message has died.
    if (name.startsWith(DLQ_PREFIX)) return this.#admin.ensureSystemTopic(name);
    if (!this.#options.autoCreateTopics) return undefined;
    const queueCount = this.#options.defaultQueueCount;
    return this.#admin.ensureTopic({
      name,
      type: 'NORMAL',
      queueCount,
      permission: 'READ_WRITE',
      retentionMs: undefined,
    });
  }
}
