/** Runs tasks one after another in the order in which they were given; a failed one does not stop those behind it. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything given until now is done. */
  async settle(): Promise<void> {
    await this.#last;
  }
}
