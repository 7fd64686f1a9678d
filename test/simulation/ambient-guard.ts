/**
 * Catches simulated code that reads the real clock, real randomness or real timers: such code is not reproducible, and
 * not under the control of the simulator. While the guard is on, these globals throw where they are called, and the run
 * fails even if that error is swallowed. What product code imports from node: modules is watched by lint, not by this.
 */
export class AmbientGuard {
  #violation: Error | undefined;
  #restore: (() => void)[] = [];

  install(): void {
    if (this.#restore.length > 0) throw new Error('the guard is on already');
    // Not an arrow function: some of what it stands for is called with `new`.
    const refuse = (what: string): (() => never) => {
      const fail = (): never => this.#refuse(what);
      return function refused(): never {
        return fail();
      };
    };
    for (const name of REFUSED_FUNCTIONS) this.#replace(globalThis, name, refuse(name));
    this.#replace(Math, 'random', refuse('Math.random'));
    this.#replace(performance, 'now', refuse('performance.now'));
    const hrtime = refuse('process.hrtime');
    this.#replace(process, 'hrtime', Object.assign(hrtime, { bigint: hrtime }));
    this.#replace(crypto, 'randomUUID', refuse('crypto.randomUUID'));
    this.#replace(crypto, 'getRandomValues', refuse('crypto.getRandomValues'));
    this.#replace(AbortSignal, 'timeout', refuse('AbortSignal.timeout'));
    this.#replace(globalThis, 'Date', guardedDate(refuse('Date')));
  }

  uninstall(): void {
    for (const restore of this.#restore.toReversed()) restore();
    this.#restore = [];
  }

  /** Throws the first violation, once. */
  check(): void {
    const violation = this.#violation;
    this.#violation = undefined;
    if (violation !== undefined) throw violation;
  }

  #refuse(what: string): never {
    const violation = new Error(
      `${what} was used inside the simulation: take it from the Environment`,
    );
    this.#violation ??= violation;
    throw violation;
  }

  #replace(target: object, name: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
    this.#restore.push(() => {
      if (before === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, before);
    });
  }
}

const REFUSED_FUNCTIONS = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'WeakRef',
  'FinalizationRegistry',
  'fetch',
];

/** `new Date(value)`, `Date.parse` and `Date.UTC` only compute; without a value a Date reads the clock. */
function guardedDate(refuse: () => never): DateConstructor {
  return new Proxy(Date, {
    apply: refuse,
    construct: (target, args, newTarget) =>
      args.length === 0 ? refuse() : (Reflect.construct(target, args, newTarget) as Date),
    get: (target, key, receiver) =>
      key === 'now' ? refuse : (Reflect.get(target, key, receiver) as unknown),
  });
}
