import { exitCode } from '../errors/exit-codes.ts';
import type { Logger } from '../log/logger.ts';
import { fatalReport, fatalText, type FatalReport } from './fatal.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { ProcessPort, StopSignal } from './process-port.ts';

/** How the last words of the process are written; logs as JSON want JSON here too. */
export type FatalFormat = (report: FatalReport) => string;

/**
 * Ends the process in every way that it can end: a signal drains and flushes, a second one ends at once, an error that
 * nobody caught is one clear line and its own exit code.
 */
export class Supervisor {
  readonly #process: ProcessPort;
  readonly #logger: Logger;
  readonly #format: FatalFormat;
  #lifecycle: Lifecycle | undefined;
  #hasSignal = false;

  constructor(process: ProcessPort, logger: Logger, format: FatalFormat = fatalText) {
    this.#process = process;
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
    if (this.#hasSignal) {
      this.#process.writeError(`orbitmq: ended at once by a second signal, ${signal}\n`);
      this.#process.exit(exitCode(signal === 'SIGINT' ? 'interrupted' : 'terminated'));
      return;
    }
    this.#hasSignal = true;
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
