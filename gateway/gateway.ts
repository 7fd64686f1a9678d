import type { Environment } from '../common/environment/environment.ts';
import type { Admission } from './admission.ts';
import type { Cluster } from './broker-access.ts';
import type { Drain } from './drain.ts';
import type { GatewayOptions } from './options.ts';
import type { SessionRegistry } from './session/session-registry.ts';

/** What the rpcs of a gateway share. */
export interface Gateway {
  readonly cluster: Cluster;
  /** Name of the broker group that this node is a member of; undefined on a NameServer. */
  readonly localBroker: string | undefined;
  readonly options: GatewayOptions;
  readonly environment: Environment;
  readonly admission: Admission;
  readonly sessions: SessionRegistry;
  readonly drain: Drain;
  /** An rpc failed with something that is not of the error catalogue: our bug, for the log. */
  readonly onUnexpected: (where: string, error: unknown) => void;
  /** After each answered rpc; for metrics. `code` is the Status in the response. */
  readonly onAnswered: ((rpc: string, code: number, durationMs: number) => void) | undefined;
}
