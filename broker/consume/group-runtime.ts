import type { GroupTopic } from '../state/group-table.ts';
import type { TagFilter } from './core/tag-filter.ts';

/** A receive that found nothing and waits. */
export interface WaitingReceive {
  /** Queue and filter: two receives that ask for the same find the same nothing. */
  readonly asks: string;
  /** Tries again; true when it has been answered. */
  retry(): Promise<boolean>;
  /** Answers with nothing. */
  giveUp(): void;
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

  readonly #onHeldBack: (runtime: GroupRuntime) => void;

  constructor(standing: GroupTopic, onHeldBack: (runtime: GroupRuntime) => void) {
    this.standing = standing;
    this.#onHeldBack = onHeldBack;
  }

  /** A limit of messages in flight keeps something back that could be delivered: to be woken when there is room. */
  holdBack(): void {
    this.#onHeldBack(this);
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
    const inVain = new Set<string>();
    for (const receive of [...this.waiting]) {
      if (inVain.has(receive.asks) || !this.waiting.has(receive)) continue;
      if (!(await receive.retry())) inVain.add(receive.asks);
    }
  }
}

const NO_FILTERS: ReadonlyMap<string, TagFilter> = new Map();
