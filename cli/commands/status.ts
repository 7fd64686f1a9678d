import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import type { ClusterView } from '../client/admin-view.ts';
import { withClient, type ClientOptions } from '../client-options.ts';
import { printResult } from '../output/output-format.ts';
import { sizeText } from '../output/size-text.ts';
import { textTable } from '../output/text-table.ts';
import { withAdmin } from '../session.ts';

export function addStatusCommand(program: Command, context: CliContext): void {
  withClient(
    program.command('status').description('show the brokers and how they are doing'),
    context,
  ).action(async (options: ClientOptions) => {
    const cluster = await withAdmin(context, options, (admin) => admin.describeCluster());
    printResult(context.terminal, options.output, cluster, () => statusText(cluster));
  });
}

function statusText({ clusterName, brokers }: ClusterView): string {
  if (brokers.length === 0) return `cluster ${clusterName}: no brokers`;
  const header = [
    ...['broker', 'address', 'state', 'version', 'epoch', 'log', 'disk'],
    ...['topics', 'queues', 'groups', 'clients', 'since'],
  ];
  const rows = brokers.map((broker) => [
    ...[broker.name, broker.address, broker.writable ? 'ready' : 'read-only', broker.version],
    ...[broker.epoch, sizeText(broker.logBytes)],
    broker.diskUsedPercent === undefined ? undefined : `${broker.diskUsedPercent}%`,
    ...[broker.topics, broker.queues, broker.groups, broker.clients, broker.startTime],
  ]);
  const reasons = brokers
    .filter(({ writable }) => !writable)
    .map(({ name, notWritableReason }) => `\n${name} takes no messages: ${notWritableReason}`);
  return `cluster ${clusterName}\n\n${textTable(header, rows)}${reasons.join('')}`;
}
