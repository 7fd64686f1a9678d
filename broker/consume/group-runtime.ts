import type { GroupTopic } from '../state/group-table.ts';
import type { TagFilter } from './core/tag-filter.ts';

/** A receive that found nothing and waits. */
export interface WaitingReceive {
  /** Tries again; true when it has been answered. */
  retry(): Promise<boolean>;
}

/** The volatile side of one group on one topic: who waits, where the next receive starts, which filters are alive. */
export class GroupRuntime {
  readonly standing: GroupTopic;
  /** Oldest first; bounded by the broker's limit on waiting receives. */
  readonly waiting = new Set<WaitingReceive>();
  /** Queue at which the next receive begins to look, so that all queues get their turn. */
  nextQueue = 0;
  /** When each filter was last asked for (monotonic ms), by key. */
  readonly filterUsedMs = new Map<string, number>();
  #isWaking = false;
  /** Calls of `wake` so far: one that comes during a round asks for another round. */
  #wakes = 0;

  constructor(standing: GroupTopic) {
    this.standing = standing;
  }

  get filters(): ReadonlyMap<string, TagFilter> {
    const { group, topic } = this.standing;
    return group.filters.get(topic.config.name) ?? NO_FILTERS;
  }

  /** Lets waiting receives try, oldest first, until one round has answered nobody. One round at a time. */
  async wake(): Promise<void> {
    this.#wakes++;
    if (this.#isWaking) return;
    this.#isWaking = true;
    try {
      for (let done = 0; done !== this.#wakes;) {
        done = this.#wakes;
        await this.#round();
      }
    } finally {
      this.#isWaking = false;
    }
  }

  async #round(): Promise<void> {
    for (const receive of [...this.waiting]) {
      if (!this.waiting.has(receive)) continue;
      const isAnswered = await receive.retry();
      // Receives of one filter find the same nothing; those of another one may still find something.
      if (!isAnswered && this.filters.size <= 1) return;
    }
  }
}

const NO_FILTERS: ReadonlyMap<string, TagFilter> = new Map();
