import type { Group, GroupTopic } from '../state/group-table.ts';
import type { Topic } from '../state/topic-table.ts';
import { GroupRuntime } from './group-runtime.ts';

/** The volatile side of all groups; made on first use, dropped with the group or the topic. */
export class Consumption {
  readonly #runtimes = new Map<GroupTopic, GroupRuntime>();
  readonly #byTopic = new Map<number, Set<GroupRuntime>>();
  /** Had something to deliver and no room for it in flight. */
  readonly #heldBack = new Set<GroupRuntime>();
  #waitingCount = 0;

  /** Receives that wait, over all groups. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  runtime(standing: GroupTopic): GroupRuntime {
    const existing = this.#runtimes.get(standing);
    if (existing !== undefined) return existing;
    const runtime = new GroupRuntime(standing, (heldBack) => {
      this.#heldBack.add(heldBack);
    });
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
    for (const runtime of this.ofTopic(topic)) this.#drop(runtime);
    this.#byTopic.delete(topic.id);
  }

  dropGroup(group: Group): void {
    for (const runtime of [...this.#runtimes.values()]) {
      if (runtime.standing.group !== group) continue;
      this.#drop(runtime);
      this.#byTopic.get(runtime.standing.topic.id)?.delete(runtime);
    }
  }

  get hasHeldBack(): boolean {
    return this.#heldBack.size > 0;
  }

  /** There may be room again; those that still have none will say so again. */
  wakeHeldBack(): void {
    const heldBack = [...this.#heldBack];
    this.#heldBack.clear();
    for (const runtime of heldBack) void runtime.wake();
  }

  /** Whoever waits looks again. */
  wakeAll(): void {
    for (const runtime of this.all()) void runtime.wake();
  }

  /** Whoever waits there waits in vain. */
  #drop(runtime: GroupRuntime): void {
    this.#runtimes.delete(runtime.standing);
    this.#heldBack.delete(runtime);
    for (const receive of [...runtime.waiting]) receive.giveUp();
  }

  countWaiting(change: 1 | -1): void {
    this.#waitingCount += change;
  }
}
