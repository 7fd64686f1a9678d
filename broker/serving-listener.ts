import type { Timers } from '../common/environment/timers.ts';
import type { ConfigurationFeed } from './configuration-feed.ts';
import type { AttemptKeeper } from './consume/attempt-keeper.ts';
import type { Consumption } from './consume/consumption.ts';
import type { Pending } from './consume/core/queue-progress.ts';
import type { StateListener } from './state/broker-state.ts';
import type { Group, GroupTopic } from './state/group-table.ts';
import type { Topic } from './state/topic-table.ts';
import type { Traffic } from './traffic.ts';

/** Keeps timers and waiting receivers in step with the fold. */
export class ServingListener implements StateListener {
  readonly #consumption: Consumption;
  readonly #attempts: AttemptKeeper;
  readonly #traffic: Traffic;
  readonly #timers: Timers;
  readonly #configuration: ConfigurationFeed;
  /** Topics with new messages whose waiting receives have not been woken yet. */
  readonly #arrived = new Set<Topic>();
  /** Those that are held back will be woken in the next turn. */
  #isRoomTold = false;

  constructor(
    consumption: Consumption,
    attempts: AttemptKeeper,
    traffic: Traffic,
    timers: Timers,
    configuration: ConfigurationFeed,
  ) {
    this.#consumption = consumption;
    this.#attempts = attempts;
    this.#traffic = traffic;
    this.#timers = timers;
    this.#configuration = configuration;
  }

  messageStored(topic: Topic): void {
    if (this.#consumption.waitingCount === 0) return;
    this.#arrived.add(topic);
    if (this.#arrived.size === 1) {
      this.#timers.soon(() => {
        this.#wakeArrived();
      });
    }
  }

  pendingDropped(pending: Pending): void {
    this.#attempts.forget(pending);
    if (!this.#consumption.hasHeldBack || this.#isRoomTold) return;
    this.#isRoomTold = true;
    this.#timers.soon(() => {
      this.#isRoomTold = false;
      this.#consumption.wakeHeldBack();
    });
  }

  attemptEnded(standing: GroupTopic, pending: Pending): void {
    this.#traffic.attemptEnded(standing.group.config.name, standing.topic.config.name);
    this.#attempts.attemptEnded(standing, pending);
  }

  topicChanged(topic: Topic, deleted: boolean): void {
    if (deleted) this.#consumption.dropTopic(topic);
    this.#configuration.changed('topic', topic.config.name);
  }

  groupChanged(group: Group, deleted: boolean): void {
    if (deleted) this.#consumption.dropGroup(group);
    else
      for (const standing of group.topics.values()) void this.#consumption.runtime(standing).wake();
    this.#configuration.changed('group', group.config.name);
  }

  #wakeArrived(): void {
    const arrived = [...this.#arrived];
    this.#arrived.clear();
    for (const topic of arrived) {
      for (const runtime of this.#consumption.ofTopic(topic)) {
        if (runtime.waiting.size > 0) void runtime.wake();
      }
    }
  }
}
