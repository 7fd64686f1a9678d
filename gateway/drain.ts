/** Ends what would otherwise never end by itself (waiting receives, Telemetry streams) when the node shuts down. */
export class Drain {
  /** Bounded by the calls in flight. */
  readonly #tasks = new Set<() => void>();
  #isDraining = false;

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Runs `task` when draining begins, at once if it has; the result takes it back. */
  onDrain(task: () => void): () => void {
    if (this.#isDraining) {
      task();
      return noTask;
    }
    this.#tasks.add(task);
    return () => {
      this.#tasks.delete(task);
    };
  }

  begin(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (const task of this.#tasks) task();
    this.#tasks.clear();
  }
}

function noTask(): void {
  // Nothing to take back: it has run.
}
