/** Something that will happen at a moment of virtual time. */
export interface SimEvent {
  readonly atMs: number;
  /** Order of scheduling; decides between events of one moment. */
  readonly sequence: number;
  readonly label: string;
  readonly owner: SimProcess | undefined;
  /** Undefined once it has run or was cancelled. */
  run: (() => void) | undefined;
}

/** One life of a node, from start to crash. Events that it owns die with it. */
export interface SimProcess {
  readonly name: string;
  readonly isAlive: boolean;
  /** A stopped process (SIGSTOP) lives, but nothing of it runs until it is continued. */
  readonly isStopped: boolean;
  /** Keeps what would have run now until the process is continued. */
  defer(event: SimEvent): void;
}

/** Binary heap by time, then by order of scheduling. */
export class EventQueue {
  readonly #heap: SimEvent[] = [];

  get length(): number {
    return this.#heap.length;
  }

  push(event: SimEvent): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  pop(): SimEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(event: SimEvent): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, event)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = event;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs === b.atMs ? a.sequence < b.sequence : a.atMs < b.atMs;
}
