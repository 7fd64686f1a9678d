import type { Environment } from '../../common/environment/environment.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { RateLimitedLog } from '../../common/log/rate-limited-log.ts';
import type { Metrics } from '../../common/metrics/metrics.ts';
import type { Address } from '../../common/options/option-definition.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import type { ClusterSpecSource } from './cluster-spec.ts';
import type { ControllerTimings } from './controller-timings.ts';
import type { GroupStore } from './group-store.ts';
import type { ProcessWitness } from './process-witness.ts';

/** Everything that a failover controller works with. */
export interface FailoverPorts {
  readonly environment: Pick<Environment, 'clock' | 'timers'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A channel to a member or a NameServer; it connects when it is first used. */
  readonly connect: (address: Address) => RpcChannel;
  readonly store: GroupStore;
  readonly witness: ProcessWitness;
  readonly spec: ClusterSpecSource;
  readonly timings: ControllerTimings;
}

/** What all groups of a controller share. */
export interface SharedPorts extends FailoverPorts {
  /** For what would be said again and again. */
  readonly floodLog: RateLimitedLog;
  /** Numbers the questions of this process. */
  readonly sequence: () => number;
}
