import type { Command } from 'commander';
import { findCluster, findTarget, groupsOf } from '../../operator/tool/cluster-lookup.ts';
import type { ExplanationPorts, GroupExplanation } from '../../operator/tool/group-explanation.ts';
import type { CliContext } from '../cli-context.ts';
import { withOutput } from '../client-options.ts';
import { explanationText } from '../cluster/failover-text.ts';
import { printResult, type OutputFormat } from '../output/output-format.ts';
import { printable } from '../output/text-table.ts';
import type { KubeOptions } from './kube-flags.ts';
import { withKube, type KubeSession } from './kube-session.ts';
import { PodTunnel } from './pod-tunnel.ts';

interface ExplainOptions extends KubeOptions {
  readonly output: OutputFormat;
}

export function addExplainCommand(program: Command, { terminal }: CliContext): void {
  withOutput(program.command('explain-failover [group]'))
    .description('tell what would happen if the master died now')
    .action(async (name: string | undefined, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ExplainOptions>();
      const found = await withKube(options, (session) => explainGroups(session, name, options));
      printResult(terminal, options.output, name === undefined ? found : found[0], () =>
        found.map(textOf).join('\n\n'),
      );
    });
}

/** All groups of the cluster when none is named. */
export async function explainGroups(
  session: KubeSession,
  name: string | undefined,
  options: KubeOptions,
): Promise<readonly GroupExplanation[]> {
  const { explainFailover } = await import('../../operator/tool/group-explanation.ts');
  const { kube, namespace } = session.access;
  const ports = explanationPorts(session);
  if (name !== undefined) {
    const { group } = await findTarget(kube, namespace, name, options.cluster);
    const cluster = await findCluster(kube, namespace, group.spec.clusterName);
    return [await explainFailover(cluster, group, ports)];
  }
  const cluster = await findCluster(kube, namespace, options.cluster);
  const groups = await groupsOf(kube, cluster);
  const explanations: GroupExplanation[] = [];
  // One after the other: each opens a way to every pod.
  for (const group of groups) explanations.push(await explainFailover(cluster, group, ports));
  return explanations;
}

function explanationPorts({ access, environment }: KubeSession): ExplanationPorts {
  return {
    ...{ environment, kube: access.kube },
    tunnel: (namespace, pod, port) => PodTunnel.create(() => access.forward(namespace, pod, port)),
  };
}

function textOf(explanation: GroupExplanation): string {
  const { basis, note } = explanation;
  const text = explanationText(explanation);
  if (basis === 'operator') {
    return `${text}\n\nThis is what the operator found out last; ${printable(note)}`;
  }
  return note === '' ? text : `${text}\n\nNot asked: ${printable(note)}`;
}
