export type StopSignal = 'SIGTERM' | 'SIGINT';

/** The process as the life cycle sees it, so that signals and exits can be tested. */
export interface ProcessPort {
  onSignal(listener: (signal: StopSignal) => void): void;
  /** Something was thrown, or rejected, and nobody took care of it. */
  onUncaught(listener: (error: unknown) => void): void;
  /** Ends at once. */
  exit(code: number): void;
  /** Writes to standard error before it returns: nothing may be lost when `exit` follows. */
  writeError(text: string): void;
}
