/** Where a message lies now. */
export interface Location {
  physical: number;
  bytes: number;
}

/** Where a message was copied to. Its own index entry may be gone, so its tag hash is kept here. */
export interface Relocation extends Location {
  tagHash: number;
}

/**
 * Messages that were copied to the end of the log (Carry records) because their segment went while something still referred
 * to them. Looked up before the queue index. Few: only what is waiting for redelivery or stands in a dead-letter queue when
 * retention reaches it.
 */
export class RelocationTable {
  readonly #byQueue = new Map<number, Map<number, Relocation>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get(queueNo: number, offset: number): Relocation | undefined {
    return this.#byQueue.get(queueNo)?.get(offset);
  }

  set(queueNo: number, offset: number, location: Relocation): void {
    let queue = this.#byQueue.get(queueNo);
    if (queue === undefined) this.#byQueue.set(queueNo, (queue = new Map<number, Relocation>()));
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

  *all(): Generator<{ queueNo: number; offset: number } & Relocation> {
    for (const [queueNo, queue] of this.#byQueue) {
      for (const [offset, location] of queue) yield { queueNo, offset, ...location };
    }
  }
}
