import type { Address } from '../../common/options/option-definition.ts';
import type { GroupSpec } from './core/group-spec.ts';

/** What a controller looks after. */
export interface ClusterSpec {
  readonly clusterName: string | undefined;
  readonly nameServers: readonly Address[];
  readonly groups: readonly GroupSpec[];
  /** Where the supervisor of this machine says which process is which; undefined: nobody does. */
  readonly processDirectory: string | undefined;
}

/** Where the spec comes from. It may change at any time. */
export interface ClusterSpecSource {
  /** As it is now. Rejects when it cannot be read or makes no sense; the last good one stays in force then. */
  read(): Promise<ClusterSpec>;
}
