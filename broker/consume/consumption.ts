import type { Group, GroupTopic } from '../state/group-table.ts';
import type { Topic } from '../state/topic-table.ts';
import { GroupRuntime } from './group-runtime.ts';

/** The volatile side of all groups; made on first use, dropped with the group or the topic. */
export class Consumption {
  readonly #runtimes = new Map<GroupTopic, GroupRuntime>();
  readonly #byTopic = new Map<number, Set<GroupRuntime>>();
  #waitingCount = 0;

  /** Receives that wait, over all groups. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  runtime(standing: GroupTopic): GroupRuntime {
    const existing = this.#runtimes.get(standing);
    if (existing !== undefined) return existing;
    const runtime = new GroupRuntime(standing);
    this.#runtimes.set(standing, runtime);
    const siblings = this.#byTopic.get(standing.topic.id) ?? new Set();
    siblings.add(runtime);
    this.#byTopic.set(standing.topic.id, siblings);
    return runtime;
  }

  ofTopic(topic: Topic): Iterable<GroupRuntime> {
    return this.#byTopic.get(topic.id) ?? [];
  }

  all(): Iterable<GroupRuntime> {
    return this.#runtimes.values();
  }

  dropTopic(topic: Topic): void {
    for (const runtime of this.ofTopic(topic)) this.#runtimes.delete(runtime.standing);
    this.#byTopic.delete(topic.id);
  }

  dropGroup(group: Group): void {
    for (const runtime of [...this.#runtimes.values()]) {
      if (runtime.standing.group !== group) continue;
      this.#runtimes.delete(runtime.standing);
      this.#byTopic.get(runtime.standing.topic.id)?.delete(runtime);
    }
  }

  countWaiting(change: 1 | -1): void {
    this.#waitingCount += change;
  }
}
