import process from 'node:process';
import type { Command } from 'commander';
import { MqError } from '../../common/errors/mq-error.ts';
import type { CliContext } from '../cli-context.ts';
import { readDescription } from '../cluster/cluster-description.ts';
import { clusterFiles } from '../cluster/cluster-files.ts';
import { isAlive, readProcessFile } from '../cluster/process-file.ts';

interface NodeCommand {
  readonly name: string;
  readonly signal: NodeJS.Signals;
  readonly description: string;
  /** Completes `broker-a-0 …`. */
  readonly done: string;
}

/** To try failovers: each is a signal to one process of a cluster on this machine. */
const NODE_COMMANDS: readonly NodeCommand[] = [
  {
    name: 'restart',
    signal: 'SIGTERM',
    description: 'stop one process in good order; the cluster starts it again',
    done: 'is asked to stop, and is started again',
  },
  {
    name: 'kill',
    signal: 'SIGKILL',
    description: 'end one process without warning; the cluster starts it again',
    done: 'was killed',
  },
  {
    name: 'pause',
    signal: 'SIGSTOP',
    description: 'make one process hang, until "resume"',
    done: 'is paused',
  },
  {
    name: 'resume',
    signal: 'SIGCONT',
    description: 'let a paused process go on',
    done: 'goes on',
  },
];

export function addClusterNodeCommands(cluster: Command, { terminal }: CliContext): void {
  for (const { name, signal, description, done } of NODE_COMMANDS) {
    cluster
      .command(`${name} <node>`)
      .description(description)
      .action((node: string, _: unknown, command: Command) => {
        const { data } = command.optsWithGlobals<{ data: string }>();
        process.kill(processOf(data, node), signal);
        terminal.out(`${node} ${done}\n`);
      });
  }
}

function processOf(directory: string, node: string): number {
  const description = readDescription(directory);
  if (description === undefined) throw new MqError('cluster-not-running', { directory });
  // Only names of the cluster are looked for: a name is part of a path.
  const found = description.nodes.includes(node)
    ? readProcessFile(clusterFiles(directory).processes, node)
    : undefined;
  if (found !== undefined && isAlive(found)) return found.pid;
  const nodes = description.nodes.join(', ');
  throw new MqError('cluster-node-unknown', { node, directory, nodes });
}
