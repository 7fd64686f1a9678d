/** The value of one series. */
export interface Cell {
  lines(name: string, labels: string): Iterable<string>;
}

/** A number that grows. `add` is all that a hot path does. */
export class CounterCell implements Cell {
  #value = 0;

  add(amount = 1): void {
    this.#value += amount;
  }

  get value(): number {
    return this.#value;
  }

  *lines(name: string, labels: string): Iterable<string> {
    yield `${name}{${labels}} ${this.#value}`;
  }
}

/** How often values fell below each bound. Fewer than twenty bounds, so that a linear search is the quickest. */
export class HistogramCell implements Cell {
  readonly #bounds: readonly number[];
  /** One more than bounds: the last one counts what is larger than all of them. Not cumulative. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] ?? 0)) index++;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  *lines(name: string, labels: string): Iterable<string> {
    let cumulative = 0;
    for (const [index, count] of this.#counts.entries()) {
      cumulative += count;
      yield `${name}_bucket{${labels},le="${this.#bounds[index] ?? '+Inf'}"} ${cumulative}`;
    }
    yield `${name}_sum{${labels}} ${this.#sum}`;
    yield `${name}_count{${labels}} ${cumulative}`;
  }
}
