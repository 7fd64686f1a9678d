import { formatAddress } from '../../common/options/parse-value.ts';
import { clusterFiles } from './cluster-files.ts';
import {
  nameServerList,
  type ClusterPlan,
  type ClusterRole,
  type PlannedNode,
} from './cluster-plan.ts';

/** The words behind `orbitmq` that start a node of the plan. */
export function nodeFlags(plan: ClusterPlan, node: PlannedNode): readonly string[] {
  const common = [
    node.role,
    ...['--listen', formatAddress(node.address)],
    ...['--http-listen', formatAddress(node.http)],
    ...['--peer-secret-file', clusterFiles(plan.shape.directory).secret],
  ];
  switch (node.role) {
    case 'namesrv':
      return common;
    case 'controller':
      return [...common, ...controllerFlags(plan, node)];
    case 'broker':
      return [...common, ...brokerFlags(plan, node)];
  }
}

/**
 * Flags of Node itself. Messages pass through buffers outside of V8's heap, which count against its limit; while the heap is
 * small, V8 lowers that limit and collects all of it several times a second. With a first size given it does not: sends of 64 KiB
 * cost 40 % less processor time, of 1 KiB 20 %, and a slave that catches up 28 %, for 30 MiB of memory. The image says the
 * same: Dockerfile.
 */
export function engineFlags(role: ClusterRole): readonly string[] {
  return role === 'broker' ? ['--initial-old-space-size=256'] : [];
}

function brokerFlags(plan: ClusterPlan, node: PlannedNode): readonly string[] {
  const group = plan.groups.find(({ name }) => name === node.group);
  return [
    ...['--broker-name', node.group ?? ''],
    ...['--member-name', node.name],
    ...['--member-address', formatAddress(node.address)],
    ...['--advertise', formatAddress(group?.door ?? node.address)],
    ...['--namesrv', nameServerList(plan)],
    ...['--data-dir', node.directory],
    ...['--flush', plan.shape.flush],
    // As a standalone node does: it is there to be tried.
    ...['--auto-create-topics', 'true'],
  ];
}

function controllerFlags(plan: ClusterPlan, node: PlannedNode): readonly string[] {
  return [
    ...['--cluster-spec', clusterFiles(plan.shape.directory).spec],
    ...['--controller-state-directory', node.directory],
  ];
}
