/** What a call to the Kubernetes API can end with instead of an answer. Told apart by `kind`, see `isKubeError`. */

export type KubeFailure =
  /** The object, or the kind itself, does not exist. */
  | 'not-found'
  /** Somebody changed the object since it was read, a precondition does not hold, or another manager owns a field. */
  | 'conflict'
  | 'already-exists'
  /** The version to go on from is forgotten: list again. */
  | 'gone'
  /** The server, or its priority and fairness, has no room; `retryAfterMs` may say when it will. */
  | 'too-many-requests'
  /** Not allowed, or not known to the server. */
  | 'forbidden'
  /** The object is refused as it is; repeating does not help. `causes` name the fields. */
  | 'invalid'
  /** No answer, a broken one, one that came too late, or a server that cannot serve now. The call may have had effect. */
  | 'unreachable'
  /** The caller gave up. The call may have had effect. */
  | 'aborted';

/** Why an object is refused, for one field of it. */
export interface FieldCause {
  readonly field: string;
  readonly reason: string;
  readonly message: string;
}

export interface KubeErrorDetails {
  readonly kind: KubeFailure;
  /** HTTP status; 0 without an answer. */
  readonly status: number;
  readonly message: string;
  /** Reason of the API server's Status, such as `Invalid` or `AlreadyExists`; empty without one. */
  readonly reason?: string;
  readonly causes?: readonly FieldCause[];
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** An expected failure of the API. `code` is what tells it from other errors. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly code = 'KUBE';
  readonly kind: KubeFailure;
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly FieldCause[];
  readonly retryAfterMs: number | undefined;

  constructor({ kind, status, message, reason, causes, retryAfterMs, cause }: KubeErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.status = status;
    this.reason = reason ?? '';
    this.causes = causes ?? [];
    this.retryAfterMs = retryAfterMs;
  }
}

/** Whether `error` comes from a call to the API, and is one of `kinds` when some are named. */
export function isKubeError(error: unknown, ...kinds: readonly KubeFailure[]): error is KubeError {
  if (typeof error !== 'object' || error === null) return false;
  if (!('code' in error) || error.code !== 'KUBE') return false;
  return kinds.length === 0 || kinds.includes((error as KubeError).kind);
}

/** Refused since the namespace is on its way out, which cannot be undone. */
export function isNamespaceEnding(error: unknown): boolean {
  return (
    isKubeError(error, 'forbidden') &&
    error.causes.some(({ reason }) => reason === 'NamespaceTerminating')
  );
}

/** The body of an answer that is not a success: meta/v1 Status, as far as it is read here. */
interface Status {
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { field?: string; reason?: string; message?: string }[];
  };
}

/** Longest text of an answer that is no Status to show to a person. */
const TEXT_CHARACTERS_MAX = 300;

/** The failure that an HTTP status and its body tell. `what` begins the message: "get pods a/b". */
export function failureOfAnswer(
  what: string,
  status: number,
  body: string,
  retryAfter?: string,
): KubeError {
  return failureOfStatus(what, status, parseStatus(body), retryAfter);
}

/** The failure that a Status object tells, as it also comes inside a watch. */
export function failureOfStatus(
  what: string,
  status: number,
  { message = '', reason = '', details = {} }: Status,
  retryAfter?: string,
): KubeError {
  const causes = (details.causes ?? []).map((cause) => ({
    field: cause.field ?? '',
    reason: cause.reason ?? '',
    message: cause.message ?? '',
  }));
  return new KubeError({
    // An object that was made anew meanwhile: server-side apply says it this way.
    kind: causes.some(({ field }) => field === 'metadata.uid')
      ? 'conflict'
      : kindOf(status, reason),
    status,
    reason,
    message: `${what}: ${message === '' ? `HTTP ${status}` : message}`,
    causes,
    retryAfterMs: retryAfterMs(retryAfter, details.retryAfterSeconds),
  });
}

function parseStatus(body: string): Status {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // A proxy, or the server before it is up, answers in plain text.
  }
  return { message: body.trim().slice(0, TEXT_CHARACTERS_MAX) };
}

function kindOf(status: number, reason: string): KubeFailure {
  switch (status) {
    case 401:
    case 403:
      return 'forbidden';
    case 404:
      return 'not-found';
    case 409:
      return reason === 'AlreadyExists' ? 'already-exists' : 'conflict';
    case 410:
      return 'gone';
    case 429:
      return 'too-many-requests';
    default:
      return status >= 400 && status < 500 && status !== 408 ? 'invalid' : 'unreachable';
  }
}

function retryAfterMs(header: string | undefined, seconds: number | undefined): number | undefined {
  const fromHeader = header === undefined ? Number.NaN : Number(header);
  const value = Number.isFinite(fromHeader) ? fromHeader : seconds;
  return value === undefined || value <= 0 ? undefined : value * 1_000;
}
