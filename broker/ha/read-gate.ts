/** Lets one read of old log through at a time, over all slaves: the master's own writes share the disk with at most one. */
export class ReadGate {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `read` after those that came before; as many wait as there are slaves. */
  run<T>(read: () => Promise<T> | T): Promise<T> {
    const result = this.#last.then(read);
    this.#last = result.then(noop, noop); // whoever asked hears of the failure
    return result;
  }
}

function noop(): void {
  // The next one may go.
}
