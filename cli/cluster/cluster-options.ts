import type { ReplicationMode } from '../../common/model/broker-group.ts';

/** What `orbitmq cluster` was told. */
export interface ClusterOptions {
  readonly namesrv: number;
  readonly groups: number;
  readonly replicas: number;
  readonly replication: ReplicationMode;
  readonly minInSync: number;
  readonly uncleanElection: boolean;
  readonly flush: 'sync' | 'async';
  readonly data: string;
  readonly basePort: number;
  readonly restart: boolean;
}
