import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { formatAddress } from '../../common/options/parse-value.ts';
import type { TestCluster } from './cluster-launcher.ts';
import { PROBE_LANE } from './cluster-ledger.ts';
import type { ClusterLoad } from './cluster-load.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const NODE = join(REPOSITORY, 'node_modules/node/bin/node');

interface ProbeLine {
  readonly body: string;
  readonly sequence?: number;
  readonly messageId?: string;
  readonly offset?: number;
  readonly ackedAtMs?: number;
}

export interface Probe {
  stop(): Promise<void>;
}

/**
 * A client that stands beside a member, in its namespace, and goes on sending to it when nobody else can reach it. What it is
 * promised goes into the ledger of the load.
 */
export function startProbe(cluster: TestCluster, member: string, load: ClusterLoad): Probe {
  const prefix = cluster.network?.prefixOf(member) ?? [];
  const program = join(import.meta.dirname, 'cluster-probe.ts');
  const address = formatAddress(cluster.planned(member).address);
  const words = [...prefix, NODE, program, address, load.probeTopic];
  const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => note(load, JSON.parse(line) as ProbeLine));
  const ended = once(child, 'close');
  return {
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function note({ ledger, probeTopic: topic }: ClusterLoad, line: ProbeLine): void {
  const { body, sequence, messageId, offset, ackedAtMs } = line;
  if (messageId === undefined || sequence === undefined || ackedAtMs === undefined) {
    ledger.inDoubt.add(body);
    return;
  }
  ledger.inDoubt.delete(body);
  ledger.sends.push({
    messageId,
    topic,
    lane: PROBE_LANE,
    sequence,
    offset: offset ?? 0,
    ackedAtMs,
  });
}
