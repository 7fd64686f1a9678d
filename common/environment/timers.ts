/** A pending task; `cancel` is idempotent and harmless after the task has run. */
export interface TimerHandle {
  cancel(): void;
}

/** Delayed work. Tasks run on the event loop, never inside the call that schedules them. */
export interface Timers {
  /** Runs `task` once after at least `delayMs` (>= 0, any size: longer than 2^31 ms is allowed). */
  after(delayMs: number, task: () => void): TimerHandle;
  /** Runs `task` soon, after the I/O events that are already due. Used to gather work into one batch. */
  soon(task: () => void): void;
}
