import { EXIT_CODES, type ExitReason } from '../errors/exit-codes.ts';
import { isMqError } from '../errors/mq-error.ts';
import { environmentError } from '../errors/system-error.ts';

/** What a process says and returns when an error ends it. */
export interface FatalReport {
  readonly reason: ExitReason;
  readonly exitCode: number;
  /** One clear line. */
  readonly message: string;
  /** What to do about it; undefined for what nobody expected. */
  readonly hint: string | undefined;
  /** Only for bugs: an error of the surroundings is not explained by where we noticed it. */
  readonly stack: string | undefined;
  /** Code of the catalogue; undefined for bugs. */
  readonly code: string | undefined;
}

/** Classifies whatever was thrown. Total: what is not known is a bug. */
export function fatalReport(thrown: unknown): FatalReport {
  const error = isMqError(thrown) ? thrown : environmentError(thrown);
  if (error === undefined && isStoreFailure(thrown)) return storeReport(thrown);
  if (error !== undefined) {
    const reason = error.definition.exit ?? 'internal';
    const { code } = EXIT_CODES[reason];
    const { message, hint } = error;
    return { reason, exitCode: code, message, hint, stack: undefined, code: error.code };
  }
  const { message, stack } = partsOf(thrown);
  return {
    reason: 'internal',
    exitCode: EXIT_CODES.internal.code,
    message,
    hint: undefined,
    stack,
    code: undefined,
  };
}

/** What the store throws; by shape, since common/ does not know the broker. */
interface StoreFailure {
  readonly code: 'STORE';
  readonly kind: string;
  readonly file: string;
  readonly offset: number;
  readonly reason: string;
  readonly hint: string;
}

/** Kinds that are about the disk and not about the data on it. */
const DISK_REASONS: Readonly<Record<string, ExitReason>> = {
  io: 'data-unusable',
  'log-failed': 'data-unusable',
  'disk-full': 'disk-full',
};

function isStoreFailure(thrown: unknown): thrown is StoreFailure {
  return (
    typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === 'STORE'
  );
}

function storeReport({ kind, file, offset, reason: why, hint }: StoreFailure): FatalReport {
  const reason = DISK_REASONS[kind] ?? 'store-corrupt';
  const message = `store, ${kind}: ${why} (file ${file}, log offset ${offset})`;
  return { reason, exitCode: EXIT_CODES[reason].code, message, hint, stack: undefined, code: kind };
}

function partsOf(thrown: unknown): { message: string; stack: string | undefined } {
  if (typeof thrown !== 'object' || thrown === null || !('message' in thrown)) {
    return { message: String(thrown), stack: undefined };
  }
  const stack = 'stack' in thrown && typeof thrown.stack === 'string' ? thrown.stack : undefined;
  return { message: String(thrown.message), stack };
}

/** `orbitmq: message`, then hint or stack on lines of their own. */
export function fatalText(report: FatalReport): string {
  const hint = report.hint === undefined ? '' : `  hint: ${report.hint}\n`;
  const stack = report.stack === undefined ? '' : `${report.stack}\n`;
  return `orbitmq: ${report.message}\n${hint}${stack}`;
}
