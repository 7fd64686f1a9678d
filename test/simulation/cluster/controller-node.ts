import type { Environment } from '../../../common/environment/environment.ts';
import type { Logger } from '../../../common/log/logger.ts';
import { Metrics } from '../../../common/metrics/metrics.ts';
import { formatAddress } from '../../../common/options/parse-value.ts';
import type { RpcChannel } from '../../../common/rpc/rpc-channel.ts';
import type { ServiceTable } from '../../../common/rpc/service-table.ts';
import type { ClusterSpec } from '../../../operator/failover/cluster-spec.ts';
import {
  timingsFor,
  type ControllerTimings,
} from '../../../operator/failover/controller-timings.ts';
import { FailoverController } from '../../../operator/failover/failover-controller.ts';
import { FailoverService } from '../../../operator/failover/failover-service.ts';
import type { ProcessWitness } from '../../../operator/failover/process-witness.ts';
import type { ClusterPlan } from './cluster-plan.ts';
import { SimGroupStore } from './sim-group-store.ts';

const PORT = 8081;
const INTERVAL_MS = 100;
const METRIC_SERIES_MAX = 100;

/** A tenth of the usual ones. */
const TIMINGS: ControllerTimings = {
  ...timingsFor(INTERVAL_MS),
  longPollMs: 100,
  specIntervalMs: 1_000,
  storeTimeoutMs: 500,
  reachableMs: 250,
  revokeWaitMs: 100,
  promoteWaitMs: 1_000,
  handOverMs: 300,
  handOverRetryMs: 1_000,
};

export interface ControllerNodePorts {
  readonly plan: ClusterPlan;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly name: string;
  readonly witness: ProcessWitness;
  readonly storeAddress: string;
  connect(address: string): RpcChannel;
  readonly onUnexpected: (where: string, error: unknown) => void;
}

/** One life of a failover controller. */
export async function startController(ports: ControllerNodePorts): Promise<ServiceTable> {
  const { plan, environment, logger, name, witness, onUnexpected } = ports;
  const { clock, timers } = environment;
  const spec = specOf(plan);
  const controller = new FailoverController({
    ...{ environment, logger, witness },
    metrics: new Metrics(
      { cluster: 'c', node_type: 'controller', node_id: name },
      METRIC_SERIES_MAX,
    ),
    connect: (address) => ports.connect(formatAddress(address)),
    store: new SimGroupStore(ports.connect(ports.storeAddress)),
    spec: { read: () => Promise.resolve(spec) },
    timings: TIMINGS,
  });
  await controller.start();
  return new FailoverService(controller, {
    ...{ clock, timers, onUnexpected },
    timings: TIMINGS,
  }).table();
}

function specOf(plan: ClusterPlan): ClusterSpec {
  const { replication, minInSyncReplicas, isUnclean } = plan;
  return {
    clusterName: 'c',
    nameServers: plan.nameServers.map((host) => ({ host, port: PORT })),
    groups: plan.groups.map(({ name, members }) => ({
      brokerName: name,
      members: members.map((host) => ({ name: host, address: { host, port: PORT } })),
      ...{ replication, minInSyncReplicas },
      uncleanElection: isUnclean,
    })),
    processDirectory: undefined,
  };
}
