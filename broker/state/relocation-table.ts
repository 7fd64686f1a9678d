/** Where a message lies now. */
export interface Location {
  physical: number;
  bytes: number;
}

/**
 * Messages that were copied to the end of the log (Carry records) because their segment went while something still referred
 * to them. Looked up before the queue index. Few: only what is waiting for redelivery or stands in a dead-letter queue when
 * retention reaches it.
 */
export class RelocationTable {
  readonly #byQueue = new Map<number, Map<number, Location>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get(queueNo: number, offset: number): Location | undefined {
    return this.#byQueue.get(queueNo)?.get(offset);
  }

  set(queueNo: number, offset: number, location: Location): void {
    let queue = this.#byQueue.get(queueNo);
    if (queue === undefined) this.#byQueue.set(queueNo, (queue = new Map<number, Location>()));
    if (!queue.has(offset)) this.#count++;
    queue.set(offset, location);
  }

  delete(queueNo: number, offset: number): void {
    const queue = this.#byQueue.get(queueNo);
    if (queue?.delete(offset) !== true) return;
    this.#count--;
    if (queue.size === 0) this.#byQueue.delete(queueNo);
  }

  removeQueue(queueNo: number): void {
    this.#count -= this.#byQueue.get(queueNo)?.size ?? 0;
    this.#byQueue.delete(queueNo);
  }

  *all(): Generator<{ queueNo: number; offset: number } & Location> {
    for (const [queueNo, queue] of this.#byQueue) {
      for (const [offset, location] of queue) yield { queueNo, offset, ...location };
    }
  }
}
