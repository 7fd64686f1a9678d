import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { formatAddress } from '../../common/options/parse-value.ts';
import { clusterFiles } from './cluster-files.ts';
import { nodesOf, type ClusterPlan } from './cluster-plan.ts';

/** `cluster.json`: how commands find the cluster that runs on this machine. */
export interface ClusterDescription {
  readonly controller: string;
  readonly nameServers: readonly string[];
  readonly nodes: readonly string[];
  readonly peerSecretFile: string;
}

export function writeDescription(plan: ClusterPlan): void {
  const description: ClusterDescription = {
    controller: formatAddress(plan.controller.address),
    nameServers: plan.nameServers.map(({ address }) => formatAddress(address)),
    nodes: nodesOf(plan).map(({ name }) => name),
    peerSecretFile: clusterFiles(plan.shape.directory).secret,
  };
  const { description: path } = clusterFiles(plan.shape.directory);
  writeFileSync(path, `${JSON.stringify(description, null, 2)}\n`);
}

/** Undefined when no cluster runs there. */
export function readDescription(directory: string): ClusterDescription | undefined {
  try {
    const text = readFileSync(clusterFiles(directory).description, 'utf8');
    return JSON.parse(text) as ClusterDescription;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function removeDescription(directory: string): void {
  rmSync(clusterFiles(directory).description, { force: true });
}
