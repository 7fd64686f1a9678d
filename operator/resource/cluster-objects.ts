/** All objects of a cluster but its Secrets, each from its own builder, in an order in which they can be made. */
import type { KubernetesObject } from '../api/object-meta.ts';
import { brokerGroup } from './broker-group.ts';
import { brokerStatefulSet, type GroupShape } from './broker-stateful-set.ts';
import type { ClusterContext } from './cluster-context.ts';
import { brokerConfigMap, nameServerConfigMap } from './config-maps.ts';
import { groupDisruptionBudget, nameServerDisruptionBudget } from './disruption-budgets.ts';
import { groupExternalService, nameServerExternalService } from './external-services.ts';
import { nameServerStatefulSet } from './name-server-stateful-set.ts';
import { networkPolicies } from './network-policies.ts';
import { nodeServiceAccount } from './service-account.ts';
import {
  groupPeersService,
  groupService,
  nameServerPeersService,
  nameServerService,
} from './services.ts';

/** What the groups share. */
export function clusterObjects(context: ClusterContext): readonly KubernetesObject[] {
  return present([
    nodeServiceAccount(context),
    nameServerConfigMap(context),
    brokerConfigMap(context),
    nameServerPeersService(context),
    nameServerService(context),
    nameServerExternalService(context),
    ...networkPolicies(context),
    nameServerDisruptionBudget(context),
    nameServerStatefulSet(context),
  ]);
}

/** What must be there before the address of a group can be known. */
export function groupServices(context: ClusterContext, index: number): readonly KubernetesObject[] {
  return present([
    groupPeersService(context, index),
    groupService(context, index),
    groupExternalService(context, index),
  ]);
}

/** The rest of a group. */
export function groupObjects(
  context: ClusterContext,
  group: GroupShape,
): readonly KubernetesObject[] {
  return present([
    brokerGroup(context, group.index, group.replicas),
    groupDisruptionBudget(context, group.index),
    brokerStatefulSet(context, group),
  ]);
}

function present(objects: readonly (KubernetesObject | undefined)[]): readonly KubernetesObject[] {
  return objects.filter((object) => object !== undefined);
}
