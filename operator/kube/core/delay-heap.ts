interface Entry {
  readonly key: string;
  readonly atMs: number;
}

/**
 * Keys that become due later, by time. A key is in it once: of two times the earlier one counts. Bound: the number of keys,
 * twice over for a moment, since an entry that was overtaken is dropped when it comes to the top.
 */
export class DelayHeap {
  readonly #entries: Entry[] = [];
  readonly #dueMs = new Map<string, number>();

  get size(): number {
    return this.#dueMs.size;
  }

  add(key: string, atMs: number): void {
    const known = this.#dueMs.get(key);
    if (known !== undefined && known <= atMs) return;
    this.#dueMs.set(key, atMs);
    this.#entries.push({ key, atMs });
    this.#rise(this.#entries.length - 1);
  }

  /** When the first key is due; undefined when there is none. */
  nextMs(): number | undefined {
    for (let top = this.#entries[0]; top !== undefined; top = this.#entries[0]) {
      if (this.#dueMs.get(top.key) === top.atMs) return top.atMs;
      this.#pop();
    }
    return undefined;
  }

  /** Takes a key that is due, the earliest first. */
  take(nowMs: number): string | undefined {
    const nextMs = this.nextMs();
    if (nextMs === undefined || nextMs > nowMs) return undefined;
    const { key } = this.#pop();
    this.#dueMs.delete(key);
    return key;
  }

  clear(): void {
    this.#entries.length = 0;
    this.#dueMs.clear();
  }

  #pop(): Entry {
    const [top] = this.#entries as [Entry];
    const last = this.#entries.pop() as Entry;
    if (this.#entries.length > 0) {
      this.#entries[0] = last;
      this.#sink();
    }
    return top;
  }

  #rise(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#at(parent) <= this.#at(index)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #sink(): void {
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const smaller = this.#at(left + 1) < this.#at(left) ? left + 1 : left;
      if (this.#at(smaller) >= this.#at(index)) return;
      this.#swap(index, smaller);
      index = smaller;
    }
  }

  #at(index: number): number {
    return this.#entries[index]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const entries = this.#entries;
    [entries[a], entries[b]] = [entries[b] as Entry, entries[a] as Entry];
  }
}
