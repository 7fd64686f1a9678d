import { formatAddress } from '../../common/options/parse-value.ts';
import { clusterFiles } from './cluster-files.ts';
import { nameServerList, type ClusterPlan, type PlannedNode } from './cluster-plan.ts';

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
