import { renderTemplate, type ErrorCode, errorDefinition, type ErrorFields } from './catalog.ts';
import { GRPC_STATUS, type GrpcStatus } from './grpc-status.ts';
import { isMqError } from './mq-error.ts';
import { PROTOCOL_CODES, type ProtocolCode } from './protocol-code.ts';

/** The Status of apache.rocketmq.v2 as plain data. */
export interface ProtocolStatus {
  readonly code: ProtocolCode;
  readonly message: string;
}

/** What a gRPC call ends with when it cannot answer in its own form. */
export interface GrpcError {
  readonly code: GrpcStatus;
  readonly details: string;
}

/** Message of OK is 'OK' in Apache's server too; clients show it in logs. */
export const STATUS_OK: ProtocolStatus = Object.freeze({ code: PROTOCOL_CODES.OK, message: 'OK' });

export const STATUS_MULTIPLE_RESULTS: ProtocolStatus = Object.freeze({
  code: PROTOCOL_CODES.MULTIPLE_RESULTS,
  message: 'multiple results',
});

const INTERNAL_MESSAGE = 'internal error; the log of the server has the details';

/** Status of a catalogue error without throwing: expected outcomes on a hot path are values. */
export function statusOf<Code extends ErrorCode>(
  code: Code,
  fields: ErrorFields<Code>,
): ProtocolStatus {
  const { protocol, message } = errorDefinition(code);
  return {
    code: PROTOCOL_CODES[protocol],
    message: `${renderTemplate(message, fields)} [${code}]`,
  };
}

/**
 * Status for anything that was thrown. Total: what is not ours becomes INTERNAL_SERVER_ERROR with a text that gives nothing
 * of the inside away; the caller logs the error itself.
 */
export function toStatus(error: unknown): ProtocolStatus {
  if (!isMqError(error)) {
    return { code: PROTOCOL_CODES.INTERNAL_SERVER_ERROR, message: INTERNAL_MESSAGE };
  }
  return {
    code: PROTOCOL_CODES[error.definition.protocol],
    message: `${error.message} [${error.code}]`,
  };
}

/** The catalogue code that one of our nodes put at the end of a status message; undefined when there is none. */
export function codeInMessage(message: string | null | undefined): string | undefined {
  return /\[([a-z-]+)\]$/.exec(message ?? '')?.[1];
}

/** As `toStatus`, for rpcs that have no Status in their response. `details` carries the catalogue code in brackets. */
export function toGrpcError(error: unknown): GrpcError {
  if (!isMqError(error)) return { code: GRPC_STATUS.INTERNAL, details: INTERNAL_MESSAGE };
  return { code: GRPC_STATUS[error.definition.grpc], details: `${error.message} [${error.code}]` };
}
