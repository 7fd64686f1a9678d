import type { Environment } from '../environment/environment.ts';
import type { Logger } from '../log/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { NodeOptions } from '../options/node-options.ts';
import type { PeerNetwork } from '../rpc/peer-network.ts';
import type { Lifecycle } from './lifecycle.ts';

/** Everything that the main of a role gets from whoever starts it: the command line, or a test. */
export interface RoleContext {
  readonly options: NodeOptions;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Channels to the other nodes of the cluster, and the check of those that call. */
  readonly peers: PeerNetwork;
  /** The role starts its components with it; signals stop them. */
  readonly lifecycle: Lifecycle;
  /** OrbitMQ's version. */
  readonly version: string;
  /** Ends the process with one clear line, for what is found only while it serves. */
  readonly onFatal: (error: unknown) => void;
  /** What a person at the terminal should see, such as where the node listens. Not for logs. */
  print(text: string): void;
}

/** `run` of standalone/main.ts, broker/main.ts and namesrv/main.ts: resolves when the node serves. */
export type RunRole = (context: RoleContext) => Promise<void>;
