import { Option, type Command } from 'commander';
import { MqError } from '../../common/errors/mq-error.ts';
import { integerArgument } from '../argument.ts';
import type { CliContext } from '../cli-context.ts';
import { CLUSTER_DIRECTORY } from '../cluster/cluster-files.ts';
import type { ClusterOptions } from '../cluster/cluster-options.ts';
import { GROUPS_MAX } from '../cluster/cluster-plan.ts';
import { addFailoverCommands } from './cluster-failover.ts';
import { addClusterNodeCommands } from './cluster-node.ts';

const NODES_MAX = 9;
const PORT_MAX = 65_000;
/** NameServers come first, so that the first of them is where every command looks by default. */
const BASE_PORT = 8081;

/** `orbitmq cluster`: a whole cluster on this machine, and what can be asked of its failover controller. */
export function addClusterCommands(program: Command, context: CliContext): void {
  const cluster = program
    .command('cluster')
    .description('run a whole cluster on this machine; see who is master, and change it');
  withShape(cluster).action(async (options: ClusterOptions) => {
    if (options.minInSync > options.replicas) {
      const reason = `--min-in-sync ${options.minInSync} can never be met by --replicas ${options.replicas}`;
      throw new MqError('usage-invalid', { reason, help: 'orbitmq cluster --help' });
    }
    const { runCluster } = await import('../cluster/run-cluster.ts');
    await runCluster(context, options);
  });
  addFailoverCommands(cluster, context);
  addClusterNodeCommands(cluster, context);
}

function withShape(command: Command): Command {
  const count = (flag: string, description: string, max: number, usual: number): Option =>
    new Option(`${flag} <number>`, description).argParser(integerArgument(1, max)).default(usual);
  const sync = (flag: string, description: string): Option =>
    new Option(`${flag} <mode>`, description).choices(['sync', 'async']).default('sync');
  return command
    .addOption(count('--namesrv', 'NameServers', NODES_MAX, 3))
    .addOption(count('--groups', 'broker groups', GROUPS_MAX, 1))
    .addOption(count('--replicas', 'members of each group, the master included', NODES_MAX, 2))
    .addOption(sync('--replication', 'sync: a message is acknowledged when slaves have it too'))
    .addOption(
      count('--min-in-sync', 'members that must have a message, or none is taken', NODES_MAX, 1),
    )
    .addOption(sync('--flush', 'sync: a message is acknowledged when it is on the disk'))
    .option('--unclean-election', 'elect a member that may lack acknowledged messages', false)
    .option('--data <directory>', 'everything that the cluster keeps', CLUSTER_DIRECTORY)
    .addOption(
      new Option('--base-port <port>', 'first of the ports, one after the other; 0: any free ones')
        .argParser(integerArgument(0, PORT_MAX))
        .default(BASE_PORT),
    )
    .option('--no-restart', 'leave a process down that has ended');
}
