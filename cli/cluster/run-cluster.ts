import { resolve } from 'node:path';
import process from 'node:process';
import { formatAddress } from '../../common/options/parse-value.ts';
import type { CliContext } from '../cli-context.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { printable } from '../output/text-table.ts';
import { ownCommand } from './child-node.ts';
import { clusterEyes } from './cluster-eyes.ts';
import { clusterFiles } from './cluster-files.ts';
import { planCluster, portCount, type ClusterPlan, type ClusterShape } from './cluster-plan.ts';
import { ClusterSupervisor } from './cluster-supervisor.ts';
import { freePorts } from './free-ports.ts';

const HOST = '127.0.0.1';
/** Cold starts of a dozen processes on two cores, and a log to recover. */
const READY_TIMEOUT_MS = 60_000;

/** Runs a cluster until a signal ends it. */
export async function runCluster({ terminal }: CliContext, options: ClusterOptions): Promise<void> {
  const plan = await planOf(options);
  const say = (line: string): void =>
    terminal.out(`${line.split('\n').map(printable).join('\n')}\n`);
  const supervisor = new ClusterSupervisor({
    plan,
    commandOf: ownCommand,
    env: terminal.env,
    openEyes: () => clusterEyes(plan),
    restarts: options.restart,
    say,
  });
  const stopped = stopOnSignal(supervisor, say);
  await supervisor.start();
  say(startingText(plan));
  const missing = await Promise.race([supervisor.waitUntilReady(READY_TIMEOUT_MS), stopped]);
  if (missing !== 'stopped' && !supervisor.isStopping) say(overview(plan, supervisor, missing));
  await stopped;
}

async function planOf(options: ClusterOptions): Promise<ClusterPlan> {
  const shape: ClusterShape = {
    nameServers: options.namesrv,
    groups: options.groups,
    replicas: options.replicas,
    replication: options.replication,
    minInSyncReplicas: options.minInSync,
    flush: options.flush,
    uncleanElection: options.uncleanElection,
    directory: resolve(options.data),
  };
  const ports = [...(await freePorts(options.basePort, portCount(shape)))];
  return planCluster(shape, { nextPort: () => ports.shift() ?? 0, hostOf: () => HOST });
}

/** Resolves when everything has stopped. A second signal ends every process at once. */
function stopOnSignal(
  supervisor: ClusterSupervisor,
  say: (line: string) => void,
): Promise<'stopped'> {
  return new Promise((resolve, reject) => {
    let isStopping = false;
    const onSignal = (): void => {
      if (isStopping) {
        say('ending every process at once');
        supervisor.kill();
        return;
      }
      isStopping = true;
      say('\nstopping: controller, brokers, NameServers; Ctrl-C again ends them at once');
      supervisor.stop().then(() => {
        say('stopped');
        resolve('stopped');
      }, reject);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  });
}

function startingText({ shape }: ClusterPlan): string {
  const { nameServers, groups, replicas, replication, directory } = shape;
  const { logs } = clusterFiles(directory);
  return [
    '',
    `OrbitMQ cluster in ${directory}: ${counted(nameServers, 'NameServer')}, ${counted(groups, 'broker group')} of ${counted(replicas, 'member')}, ${replication} replication`,
    `  starting; every process writes to ${logs}`,
  ].join('\n');
}

function overview(
  plan: ClusterPlan,
  supervisor: ClusterSupervisor,
  missing: readonly string[],
): string {
  const lines = [
    '',
    missing.length === 0 ? 'The cluster is ready.' : notReadyText(supervisor, missing),
  ];
  const nameServers = plan.nameServers.map(({ address }) => formatAddress(address));
  lines.push('', `  clients      ${nameServers.join('  ')}   (any of them)`);
  for (const [index, group] of plan.groups.entries()) {
    const master = supervisor.states[index]?.master;
    const members = group.members.map(({ name, address }) => {
      return `${name} ${formatAddress(address)}${name === master ? ' (master)' : ''}`;
    });
    lines.push(
      `  ${group.name.padEnd(11)}  ${formatAddress(group.door)}  ->  ${members.join(', ')}`,
    );
  }
  const endpoint = nameServers[0] ?? '';
  lines.push(
    `  controller   ${formatAddress(plan.controller.address)}`,
    '',
    '  Try, in a second terminal in the same folder:',
    `    npx orbitmq send greetings "hello, cluster" --endpoint ${endpoint}`,
    `    npx orbitmq receive greetings --endpoint ${endpoint}`,
    `    npx orbitmq cluster status`,
    `    npx orbitmq cluster kill ${supervisor.states[0]?.master ?? plan.groups[0]?.members[0]?.name ?? ''}`,
    '',
  );
  return lines.join('\n');
}

function notReadyText(supervisor: ClusterSupervisor, missing: readonly string[]): string {
  const reasons = supervisor.states.flatMap((state) =>
    state !== undefined && state.blocked !== '' ? [`\n  ${state.group}: ${state.blocked}`] : [],
  );
  return `NOT READY after ${READY_TIMEOUT_MS / 1_000} s; it waits for ${missing.join(', ')}${reasons.join('')}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
