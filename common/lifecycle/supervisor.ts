import type { Clock } from '../environment/clock.ts';
import { exitCode } from '../errors/exit-codes.ts';
import type { Logger } from '../log/logger.ts';
import { fatalReport, fatalText, type FatalReport } from './fatal.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { ProcessPort, StopSignal } from './process-port.ts';

/** How the last words of the process are written; logs as JSON want JSON here too. */
export type FatalFormat = (report: FatalReport) => string;

/**
 * Shells, npm and container runtimes deliver one Ctrl-C twice: to the group of processes and again to the child. What comes
 * this soon after the first signal is the same one.
 */
const SAME_SIGNAL_MS = 500;

/**
 * Ends the process in every way that it can end: a signal drains and flushes, a second one ends at once, an error that
 * nobody caught is one clear line and its own exit code.
 */
export class Supervisor {
  readonly #process: ProcessPort;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #format: FatalFormat;
  #lifecycle: Lifecycle | undefined;
  /** When the first signal came; undefined before. */
  #signalMs: number | undefined;

  constructor(process: ProcessPort, clock: Clock, logger: Logger, format: FatalFormat = fatalText) {
    this.#process = process;
    this.#clock = clock;
    this.#logger = logger;
    this.#format = format;
  }

  /** From now on until the process ends. */
  watch(lifecycle: Lifecycle): void {
    this.#lifecycle = lifecycle;
    this.#process.onSignal((signal) => this.#onSignal(signal));
    this.#process.onUncaught((error) => this.fatal(error));
  }

  /** Says why and exits. What is acknowledged is safe: that is what the log is for. */
  fatal(error: unknown): void {
    const report = fatalReport(error);
    this.#process.writeError(this.#format(report));
    this.#process.exit(report.exitCode);
  }

  #onSignal(signal: StopSignal): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#signalMs !== undefined) {
      if (nowMs - this.#signalMs < SAME_SIGNAL_MS) return;
      this.#process.writeError(`orbitmq: ended at once by a second signal, ${signal}\n`);
      this.#process.exit(exitCode(signal === 'SIGINT' ? 'interrupted' : 'terminated'));
      return;
    }
    this.#signalMs = nowMs;
    this.#logger.info('stopping: draining and flushing; a second signal ends at once', { signal });
    this.#lifecycle?.stop().then(
      () => {
        this.#logger.info('stopped');
        this.#process.exit(exitCode('ok'));
      },
      (error: unknown) => this.fatal(error),
    );
  }
}
