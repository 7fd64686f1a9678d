import type { Environment } from '../../common/environment/environment.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Metrics } from '../../common/metrics/metrics.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import type { Address } from '../../common/options/option-definition.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';

export interface BrokerMemberPorts {
  readonly options: NodeOptions;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Stable address of the group, which clients are sent to. */
  readonly advertised: Address;
  /** Where other nodes reach this process. */
  readonly memberAddress: Address;
  /** NameServers that grant the write lease: their majority counts. */
  readonly nameServerCount: number;
  /** Of this process, when whoever started it has given it one. */
  readonly runId?: string;
  connect(member: Address): RpcChannel;
  /** What is in memory can no longer be trusted: the process must end. */
  onFatal(error: unknown): void;
}
