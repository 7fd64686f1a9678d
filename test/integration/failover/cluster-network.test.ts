import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ClusterNetwork } from '../../support/cluster-network.ts';
import { waitFor } from '../../support/wait-for.ts';

const reasonToSkip = ClusterNetwork.reasonToSkip();
if (reasonToSkip !== undefined) console.warn(`no namespaces here: ${reasonToSkip}`);
const PORT = 7_000;
/** A server that answers whoever connects, and a client that tells whether it was answered. */
const SERVER = `require('node:net').createServer((s) => s.on('error', () => {}).end('hi')).listen(${PORT})`;
const CLIENT = (host: string, waitMs: number): string =>
  `const s = require('node:net').connect({ host: '${host}', port: ${PORT}, timeout: ${waitMs} });
   s.on('data', () => process.exit(0)).on('timeout', () => process.exit(1)).on('error', () => process.exit(2));`;

(reasonToSkip === undefined ? describe : describe.skip)('a network of namespaces', () => {
  let network: ClusterNetwork;
  const servers: ReturnType<typeof spawn>[] = [];

  const run = (node: string, program: string): ReturnType<typeof spawn> => {
    const prefix = node === '' ? [] : network.prefixOf(node);
    const [first, ...words] = [...prefix, process.execPath, '-e', program];
    return spawn(first, words, { stdio: 'ignore' });
  };
  const reaches = async (from: string, to: string, waitMs = 5_000): Promise<boolean> => {
    const program = CLIENT(network.hostOf(to), waitMs);
    const [code] = (await once(run(from, program), 'exit')) as [number];
    return code === 0;
  };
  const isCutOff = async (from: string, to: string): Promise<boolean> =>
    !(await reaches(from, to, 400));

  beforeAll(async () => {
    network = new ClusterNetwork();
    for (const node of ['a', 'b', 'c']) {
      network.hostOf(node);
      servers.push(run(node, SERVER));
    }
    for (const node of ['a', 'b', 'c']) {
      await waitFor(node, 10_000, async () => ((await reaches('', node)) ? true : undefined));
    }
  }, 60_000);

  afterAll(async () => {
    for (const server of servers) {
      server.kill('SIGKILL');
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    }
    network.dispose();
  });

  it('lets nodes reach each other', async () => {
    expect([await reaches('a', 'b'), await reaches('b', 'c')]).toEqual([true, true]);
  }, 20_000);

  it('cuts one off from some and not from others, in both directions, until it is healed', async () => {
    network.cut('a', ['b']);
    expect([await isCutOff('a', 'b'), await isCutOff('b', 'a')]).toEqual([true, true]);
    expect([await reaches('a', 'c'), await reaches('', 'a')]).toEqual([true, true]);
    network.cutFromAll('a');
    expect([await isCutOff('a', 'c'), await isCutOff('', 'a')]).toEqual([true, true]);
    expect(await reaches('a', 'a')).toBe(true);
    network.heal('a');
    expect([await reaches('b', 'a'), await reaches('', 'a')]).toEqual([true, true]);
  }, 20_000);
});
