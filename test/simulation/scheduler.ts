import { EventQueue, type SimEvent, type SimProcess } from './event-queue.ts';
import { TraceHash } from './trace-hash.ts';

/** Taken before any guard replaces the globals: the scheduler is the one part that may touch the real event loop. */
const realSetImmediate = setImmediate;

/** Events kept for the story of a failure. */
const RECENT_EVENT_COUNT = 256;

interface RecentEvent {
  readonly atMs: number;
  readonly owner: string | undefined;
  readonly label: string;
}

export interface RunLimits {
  /** A run that needs more is taken for an endless loop. */
  eventCountMax: number;
}

const DEFAULT_LIMITS: RunLimits = { eventCountMax: 5_000_000 };

/** Asked for at once: a turn of the real event loop for each event would cost as much as the event. */
const IMMEDIATES = 64;

/**
 * Owns virtual time. One event runs at a time, and everything that follows from it (promise reactions, `nextTick`) has
 * run before the next one: each event is an immediate of its own, and between two of them Node empties all microtasks,
 * however long their chains are. Nothing else may use the real event loop, so the order of a run depends on the seed alone.
 */
export class Scheduler {
  readonly #queue = new EventQueue();
  readonly #trace = new TraceHash();
  /** A ring; what they are called is composed only when somebody asks. */
  readonly #recent: RecentEvent[] = [];
  #checks: readonly (() => void)[] = [];
  #sequence = 0;
  #nowMs = 0;
  #eventCount = 0;
  #owner: SimProcess | undefined;

  /** Virtual milliseconds since the start of the run, with a fraction. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Whose code runs now: the life that owns the present event. */
  get owner(): SimProcess | undefined {
    return this.#owner;
  }

  get eventCount(): number {
    return this.#eventCount;
  }

  get traceHash(): string {
    return this.#trace.toString();
  }

  /** The last events, oldest first, one line each. */
  recentEvents(): string[] {
    const oldest = this.#eventCount % RECENT_EVENT_COUNT;
    const events = [...this.#recent.slice(oldest), ...this.#recent.slice(0, oldest)];
    return events.map(({ atMs, owner, label }) => `${atMs.toFixed(3)} ${owner ?? '-'} ${label}`);
  }

  /** Called after each event and all that followed from it; throws to fail the run. Returns a function that ends it. */
  addCheck(check: () => void): () => void {
    this.#checks = [...this.#checks, check];
    return () => {
      this.#checks = this.#checks.filter((other) => other !== check);
    };
  }

  schedule(delayMs: number, label: string, run: () => void, owner?: SimProcess): SimEvent {
    if (!(delayMs >= 0)) throw new RangeError(`event '${label}' in ${delayMs} ms`);
    const event = {
      atMs: this.#nowMs + delayMs,
      sequence: this.#sequence++,
      label,
      owner,
      run: run as (() => void) | undefined,
    };
    this.#queue.push(event);
    return event;
  }

  /**
   * The last thing that an event of no process does: it goes on as one of `process`, which is dead, or stopped and takes it
   * later, or does it now.
   */
  continueAs(process: SimProcess, label: string, run: () => void): void {
    if (!process.isAlive) return;
    if (process.isStopped) {
      const sequence = this.#sequence++;
      process.defer({ atMs: this.#nowMs, sequence, label, owner: process, run });
      return;
    }
    this.#trace.addText(process.name);
    this.#owner = process;
    run();
  }

  /** Runs events until `result` settles, and settles as it does. Fails when no event is left that could settle it. */
  async runUntil<T>(result: Promise<T>, limits: RunLimits = DEFAULT_LIMITS): Promise<T> {
    const state = { isSettled: false };
    const settled = (): void => void (state.isSettled = true);
    result.then(settled, settled);
    const isAtEnd = await this.#drive(() => state.isSettled, limits);
    if (isAtEnd) throw this.#stuck('no event is left');
    return result;
  }

  /** Runs everything that is due in the next `durationMs`, then stands at that moment. */
  async runFor(durationMs: number): Promise<void> {
    await this.runUntil(new Promise<void>((resolve) => this.schedule(durationMs, 'end', resolve)));
  }

  /** Runs until nothing is left to happen. */
  async runToEnd(limits: RunLimits = DEFAULT_LIMITS): Promise<void> {
    await this.#drive(() => false, limits);
  }

  /** One event for each immediate; true when it has come to the end of all events. */
  #drive(isDone: () => boolean, { eventCountMax }: RunLimits): Promise<boolean> {
    const endCount = this.#eventCount + eventCountMax;
    return new Promise((resolve, reject) => {
      let waiting = 0;
      let isOver = false;
      const step = (): void => {
        waiting--;
        if (isOver) return;
        try {
          for (const check of this.#checks) check();
          isOver = isDone();
          if (isOver) resolve(false);
          else if (this.#eventCount >= endCount) throw this.#stuck('too many events');
          else if (!this.#step()) {
            isOver = true;
            resolve(true);
          }
        } catch (error) {
          isOver = true;
          const failure = error as Error;
          reject(failure);
        }
        if (waiting === 0 && !isOver) wait();
      };
      const wait = (): void => {
        for (waiting = 0; waiting < IMMEDIATES; waiting++) realSetImmediate(step);
      };
      wait();
    });
  }

  #step(): boolean {
    const event = this.#takeRunnable();
    if (event === undefined) return false;
    this.#record(event);
    const { run } = event;
    event.run = undefined;
    this.#owner = event.owner;
    run!();
    return true;
  }

  #takeRunnable(): SimEvent | undefined {
    for (;;) {
      const event = this.#queue.pop();
      if (event === undefined) return undefined;
      if (event.run === undefined || event.owner?.isAlive === false) continue;
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      if (event.owner?.isStopped !== true) return event;
      event.owner.defer(event);
    }
  }

  #record(event: SimEvent): void {
    const { label, owner } = event;
    this.#trace.addNumber(this.#nowMs);
    this.#trace.addText(label);
    if (owner) this.#trace.addText(owner.name);
    const place = this.#eventCount++ % RECENT_EVENT_COUNT;
    this.#recent[place] = { atMs: this.#nowMs, owner: owner?.name, label };
  }

  #stuck(why: string): Error {
    const story = this.recentEvents().slice(-20).join('\n  ');
    return new Error(`simulation is stuck at ${this.#nowMs} ms: ${why}. Last events:\n  ${story}`);
  }
}
