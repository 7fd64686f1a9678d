import type { ExitReason } from './exit-codes.ts';
import type { GrpcStatusName } from './grpc-status.ts';
import type { ProtocolCodeName } from './protocol-code.ts';

/**
 * Whether the same request may succeed when it is repeated: not at all, after a while at the same broker, or at once at
 * another broker that has the topic.
 */
export type Retry = 'never' | 'same-broker' | 'other-broker';

/** One row of the error catalogue. */
export interface ErrorDefinition {
  /** What went wrong, for the person who reads it; `{name}` is replaced by the field of that name. */
  readonly message: string;
  /** What a client of apache.rocketmq.v2 gets in its Status. */
  readonly protocol: ProtocolCodeName;
  /** What a caller gets where an rpc has no Status of its own (orbitmq.v1, broken streams). */
  readonly grpc: GrpcStatusName;
  readonly retry: Retry;
  /** What the person on call can do about it. */
  readonly hint: string;
  /** How the process ends when this error ends it. Absent: `refused` in the CLI, `internal` in a server. */
  readonly exit?: ExitReason;
}
