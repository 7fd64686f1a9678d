import { join } from 'node:path';

/**
 * What lies in the directory of a cluster on this machine:
 *
 *     cluster.lock          held by the supervisor while it lives
 *     cluster.json          where the running cluster can be reached
 *     cluster.yaml          what the failover controller is told of it
 *     peer-secret           by which its nodes know each other
 *     logs/NAME.log         what each process prints
 *     processes/NAME.json   process id, start time and run of each process
 *     NAME/                 data of each node
 */
export interface ClusterFiles {
  readonly directory: string;
  readonly lock: string;
  readonly description: string;
  readonly spec: string;
  readonly secret: string;
  readonly logs: string;
  readonly processes: string;
}

export const CLUSTER_DIRECTORY = 'data/cluster';

export function clusterFiles(directory: string): ClusterFiles {
  return {
    directory,
    lock: join(directory, 'cluster.lock'),
    description: join(directory, 'cluster.json'),
    spec: join(directory, 'cluster.yaml'),
    secret: join(directory, 'peer-secret'),
    logs: join(directory, 'logs'),
    processes: join(directory, 'processes'),
  };
}
