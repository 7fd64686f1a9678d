import { status as GrpcStatus } from '@grpc/grpc-js';
import { ERROR_CATALOG, errorDefinition, type ErrorCode } from '../../common/errors/catalog.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { plainDetails } from '../../common/rpc/plain-details.ts';
import { Code, type IStatus } from '../../proto/generated/v2.ts';

/** Where one call went and what it was, for the error when it fails. */
export interface CallDescription {
  readonly endpoint: string;
  /** Name of the rpc. */
  readonly what: string;
  readonly timeoutMs: number;
}

const ADVICE = 'docs/reference/errors.md explains the codes.';

/** Turns a Status that is not OK into the error that the person at the terminal should see; undefined when it is fine. */
export function refusalOf(status: IStatus | null | undefined): MqError | undefined {
  const { code, message } = plainStatus(status);
  if (code === Code.OK || code === Code.MULTIPLE_RESULTS) return undefined;
  const { text, advice } = splitMessage(message);
  const isMissing = code >= Code.NOT_FOUND && code < Code.REQUEST_TIMEOUT;
  if (isMissing) return new MqError('server-not-found', { reason: text, advice });
  return new MqError('server-refused', { reason: text, codeName: Code[code], code, advice });
}

/** Throws what a Status refuses. */
export function throwRefusal(status: IStatus | null | undefined): void {
  const refusal = refusalOf(status);
  if (refusal !== undefined) throw refusal;
}

function plainStatus(status: IStatus | null | undefined): { code: Code; message: string } {
  return { code: status?.code ?? Code.CODE_UNSPECIFIED, message: status?.message ?? '' };
}

/** Our own servers put the code of their catalogue at the end: `topic x does not exist [topic-not-found]`. */
function splitMessage(message: string): { text: string; advice: string } {
  const match = /^([\s\S]*) \[([a-z-]+)\]$/.exec(message);
  const code = match?.[2];
  const text = match?.[1] ?? (message === '' ? 'the server gives no reason' : message);
  if (code === undefined || !(code in ERROR_CATALOG))
    return { text: message || text, advice: ADVICE };
  // A hint with fields needs what only the server knows.
  const { hint } = errorDefinition(code as ErrorCode);
  return { text, advice: hint.includes('{') ? ADVICE : hint };
}

/** Error of a call that got no answer in the protocol. */
export function callError(error: unknown, call: CallDescription): Error {
  if (!isServiceError(error)) return error as Error;
  const { endpoint, what, timeoutMs: limitMs } = call;
  const reason = plainDetails(error.details);
  switch (error.code) {
    case GrpcStatus.UNAVAILABLE:
      return /certificate|altname/i.test(reason)
        ? new MqError('server-untrusted', { endpoint, reason }, error)
        : new MqError('server-unreachable', { endpoint, reason }, error);
    case GrpcStatus.DEADLINE_EXCEEDED:
      return new MqError('server-timeout', { endpoint, what, limitMs }, error);
    case GrpcStatus.UNIMPLEMENTED:
    case GrpcStatus.UNKNOWN:
    case GrpcStatus.INTERNAL:
      return new MqError('server-protocol', { endpoint, reason: `${what}: ${reason}` }, error);
    default:
      return grpcRefusal(error);
  }
}

interface GrpcFailure {
  readonly code: number;
  readonly details: string;
}

function isServiceError(error: unknown): error is GrpcFailure {
  const { code, details } = (error ?? {}) as { code?: unknown; details?: unknown };
  return typeof code === 'number' && typeof details === 'string';
}

function grpcRefusal(error: GrpcFailure): MqError {
  const { text: reason, advice } = splitMessage(error.details);
  const codeName = `gRPC ${GrpcStatus[error.code] ?? 'status'}`;
  return new MqError('server-refused', { reason, codeName, code: error.code, advice }, error);
}
