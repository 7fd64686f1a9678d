import type { ConfigurationFeed } from './configuration-feed.ts';
import type { StateListener } from './state/broker-state.ts';
import type { Group } from './state/group-table.ts';
import type { Topic } from './state/topic-table.ts';

/** A broker that serves nobody: it has no timers and no waiting receivers, only a configuration that others look at. */
export class FollowingListener implements StateListener {
  readonly #configuration: ConfigurationFeed;

  constructor(configuration: ConfigurationFeed) {
    this.#configuration = configuration;
  }

  messageStored(): void {
    // Nobody waits here.
  }

  pendingDropped(): void {
    // Nothing is in flight here.
  }

  attemptEnded(): void {
    // The master keeps the time; whoever takes over reads from the state what waits.
  }

  topicChanged(topic: Topic): void {
    this.#configuration.changed('topic', topic.config.name);
  }

  groupChanged(group: Group): void {
    this.#configuration.changed('group', group.config.name);
  }
}
