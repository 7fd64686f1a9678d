/**
 * What can be wrong with a store, as one loud error: which file, which byte, and what a person can do about it.
 *
 * - `corrupt`: bytes that were durable are damaged or gone; nothing is truncated.
 * - `unsupported`: an intact record of a newer format or type.
 * - `missing-log`: the log does not reach as far back, or as far forward, as the snapshot or checkpoint needs.
 * - `out-of-range`: a read below the first segment (deleted by retention) or above the end.
 * - `log-failed`: the log is in state 'failed' and the range is not known good.
 * - `io`: the disk refused; `cause` is its error.
 * - `disk-full`: not enough space to accept writes again.
 * - `not-repairable`: repair found no intact record after the damage, though bytes after it are known to have been durable.
 */
export type StoreErrorKind =
  | 'corrupt'
  | 'unsupported'
  | 'missing-log'
  | 'out-of-range'
  | 'log-failed'
  | 'io'
  | 'disk-full'
  | 'not-repairable';

export interface StoreErrorDetails {
  kind: StoreErrorKind;
  file: string;
  /** Physical offset in the log. */
  offset: number;
  reason: string;
  hint: string;
  cause?: unknown;
}

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code = 'STORE';
  readonly kind: StoreErrorKind;
  readonly file: string;
  readonly offset: number;
  readonly reason: string;
  readonly hint: string;

  constructor(details: StoreErrorDetails) {
    super(
      `${details.kind}: ${details.reason} (file ${details.file}, log offset ${details.offset}). ${details.hint}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.kind = details.kind;
    this.file = details.file;
    this.offset = details.offset;
    this.reason = details.reason;
    this.hint = details.hint;
  }
}

/** True for what the Disk port rejects with, false for our own bugs. By code: `instanceof Error` lies across realms. */
export function isDiskError(error: unknown): error is { code: string; message: string } {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code);
}

export function isStoreError(error: unknown): error is StoreError {
  return (error as { code?: unknown } | null | undefined)?.code === 'STORE';
}

/** The error for an operation that the disk refused while the log was opened or changed. */
export function diskRefusal(
  file: string,
  offset: number,
  cause: { code: string; message: string },
): StoreError {
  return new StoreError({
    kind: 'io',
    file,
    offset,
    reason: `the disk refused with ${cause.code}: ${cause.message}`,
    hint: 'Free space or repair the disk, then try again.',
    cause,
  });
}
