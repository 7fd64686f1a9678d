/** The gRPC status codes that this code base speaks of, by their number on the wire. */
export const GRPC_STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;
export type GrpcStatusName = keyof typeof GRPC_STATUS;

/**
 * An rpc that ends with a gRPC status other than OK. Business outcomes are not of this kind: they travel in the response's own
 * `Status`. Recognised by `rpcStatus`, never by `instanceof`.
 */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly rpcStatus: number;
  readonly wasNeverSent: boolean;

  /** `never-sent`: there was no connection, so nothing of it can have been done. */
  constructor(status: GrpcStatusName | number, message: string, sent?: 'never-sent') {
    super(message);
    this.rpcStatus = typeof status === 'number' ? status : GRPC_STATUS[status];
    this.wasNeverSent = sent === 'never-sent';
  }
}

/** Whether this, or what it was made of, is a call that nobody can have got. */
export function wasNeverSent(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if ('wasNeverSent' in error) return error.wasNeverSent === true;
  return 'cause' in error && wasNeverSent(error.cause);
}

/** The gRPC status carried by `error`, undefined when it is none of ours. */
export function rpcStatusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('rpcStatus' in error)) return undefined;
  return typeof error.rpcStatus === 'number' ? error.rpcStatus : undefined;
}
