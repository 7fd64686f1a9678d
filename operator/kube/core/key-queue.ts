/**
 * The order of work of a controller, with the rules of client-go: a key that is added many times before its turn gets one
 * turn; a key that is added during its turn gets one more after it; no key ever has two turns at once.
 * Bound: the number of distinct keys.
 */
export class KeyQueue {
  /** Keys that want a turn, with the time when they were first added; in order of arrival where not in work. */
  readonly #waiting = new Map<string, number>();
  /** Keys that want another turn after the one they have, with the time when they were first added. */
  readonly #again = new Map<string, number>();
  /** Keys that have their turn, with the time when it began. */
  readonly #inWork = new Map<string, number>();

  /** Keys that wait, the ones that want another turn included. */
  get depth(): number {
    return this.#waiting.size + this.#again.size;
  }

  get inWork(): ReadonlyMap<string, number> {
    return this.#inWork;
  }

  add(key: string, nowMs: number): void {
    const queue = this.#inWork.has(key) ? this.#again : this.#waiting;
    if (!queue.has(key)) queue.set(key, nowMs);
  }

  /** Gives the next key its turn, and says how long it waited. */
  take(nowMs: number): { readonly key: string; readonly waitedMs: number } | undefined {
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    const [key, sinceMs] = first;
    this.#waiting.delete(key);
    this.#inWork.set(key, nowMs);
    return { key, waitedMs: nowMs - sinceMs };
  }

  /** Ends the turn of a key. */
  done(key: string): void {
    this.#inWork.delete(key);
    const sinceMs = this.#again.get(key);
    if (sinceMs === undefined) return;
    this.#again.delete(key);
    this.#waiting.set(key, sinceMs);
  }

  /** Forgets what waits. What is in work goes on. */
  clear(): void {
    this.#waiting.clear();
    this.#again.clear();
  }
}
