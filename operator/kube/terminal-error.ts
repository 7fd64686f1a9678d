/** A failure that repeating does not mend: a spec that cannot be, for example. The object waits until something changes. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  readonly code = 'TERMINAL';
  /** One word in CamelCase, for the condition that tells people. */
  readonly reason: string;

  constructor(reason: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

export function isTerminalError(error: unknown): error is TerminalError {
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'TERMINAL'
  );
}
