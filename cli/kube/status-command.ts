import type { Command } from 'commander';
import { findCluster, groupsOf, listClusters, podsOf } from '../../operator/tool/cluster-lookup.ts';
import { reportCluster, type ClusterReport } from '../../operator/tool/cluster-report.ts';
import type { CliContext } from '../cli-context.ts';
import { withOutput } from '../client-options.ts';
import { printResult, type OutputFormat } from '../output/output-format.ts';
import { clustersText, clusterText } from './cluster-text.ts';
import type { KubeOptions } from './kube-flags.ts';
import { withKube, type KubeSession } from './kube-session.ts';

interface StatusOptions extends KubeOptions {
  readonly output: OutputFormat;
  readonly allNamespaces?: boolean;
}

export function addKubeStatusCommand(program: Command, { terminal }: CliContext): void {
  withOutput(program.command('status [cluster]'))
    .description('show a cluster with its groups and pods, or all clusters')
    .option('-A, --all-namespaces', 'clusters of all namespaces, one to a line')
    .action(async (name: string | undefined, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<StatusOptions>();
      const all = await withKube(options, (session) => reports(session, name, options));
      const [only] = all;
      const isOne = all.length === 1 && options.allNamespaces !== true;
      printResult(terminal, options.output, isOne ? only : all, () => {
        if (only === undefined) return 'no clusters';
        return isOne ? clusterText(only) : clustersText(all);
      });
    });
}

/** One that is named, or all of the namespace: a person who has several wants to see that. */
async function reports(
  { access }: KubeSession,
  name: string | undefined,
  { cluster = name, allNamespaces = false }: StatusOptions,
): Promise<readonly ClusterReport[]> {
  const { kube, namespace } = access;
  const isOne = cluster !== undefined && !allNamespaces;
  const clusters = isOne
    ? [await findCluster(kube, namespace, cluster)]
    : await listClusters(kube, allNamespaces ? undefined : namespace);
  // Tells what to do about it.
  if (clusters.length === 0 && !allNamespaces) await findCluster(kube, namespace, undefined);
  return Promise.all(
    clusters.map(async (found) =>
      reportCluster(found, await groupsOf(kube, found), await podsOf(kube, found)),
    ),
  );
}
