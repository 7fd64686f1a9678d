import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { execPath } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KubeClient } from '../../operator/kube/kube-client.ts';
import { RESOURCES } from '../../operator/kube/resource.ts';
import { processUsage } from '../support/process-usage.ts';
import { within } from '../support/wait-for.ts';
import { ApiServer, MISSING_API_SERVER } from './api-server.ts';
import { KubeWorld } from './kube-world.ts';

const ORBITMQ = resolve('bin/orbitmq.js');
const START_TIMEOUT_MS = 150_000;
const ROUNDS = 6;
const REPEATS_MAX = 2;
const ROUND_TIMEOUT_MS = 60_000;
const LEASE = { namespace: 'default', name: 'operator-process' };
/** Between the first renewal of the lease and the one before. */
const RENEWAL_MS = 2_000;
/** How long a renewal takes: a signal within it comes while the renewal is under way. */
const RENEWAL_TAKES_MS = 12;
/** An operator alone needs 0.2 GB; one that runs wild is ended before it takes the machine with it. */
const RESIDENT_BYTES_MAX = 2 * 2 ** 30;
const WATCHED_EVERY_MS = 50;

const suite = MISSING_API_SERVER === undefined ? describe : describe.skip;
const why = MISSING_API_SERVER === undefined ? '' : ` (skipped: ${MISSING_API_SERVER})`;

suite(`an operator as a process, at a real API server${why}`, () => {
  let server: ApiServer;
  let world: KubeWorld;
  let client: KubeClient;

  beforeAll(async () => {
    server = await ApiServer.start();
    world = new KubeWorld();
    client = world.client(server.config());
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    await world.close();
    await server.stop();
  }, START_TIMEOUT_MS);

  it(
    'that is stopped while it renews its lease gives the lease back, and ends well',
    async () => {
      let repeats = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const afterMs = RENEWAL_MS + (RENEWAL_TAKES_MS * round) / ROUNDS;
        const { code, log } = await leadAndStop(afterMs);
        // The API server had no time for it, which is told: nothing to learn from this one.
        if (code === 0 && log.includes('could not be given back') && repeats++ < REPEATS_MAX) {
          round--;
          continue;
        }
        const lease = await client.find(RESOURCES.leases, LEASE);
        expect({ round, code, holder: lease?.spec?.holderIdentity, log }).toMatchObject({
          code: 0,
          holder: '',
          log: expect.stringMatching(/stopped/),
        });
      }
    },
    ROUNDS * ROUND_TIMEOUT_MS,
  );

  /** Starts one, and stops it so long after it has begun to lead. */
  async function leadAndStop(afterMs: number) {
    const child = spawn(
      execPath,
      [
        ...[ORBITMQ, 'operator'],
        ...['--kube-config', server.configFile(), '--http-listen', '127.0.0.1:0'],
        ...['--operator-namespace', LEASE.namespace, '--lease-name', LEASE.name],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } },
    );
    let log = '';
    let stopTimer: NodeJS.Timeout | undefined;
    const take = (text: string): void => {
      log += text;
      if (!log.includes('this process leads')) return;
      stopTimer ??= setTimeout(() => child.kill('SIGTERM'), afterMs);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    const watchdog = setInterval(() => {
      if (child.pid === undefined || child.exitCode !== null) return;
      if (processUsage(child.pid).residentBytes > RESIDENT_BYTES_MAX) child.kill('SIGKILL');
    }, WATCHED_EVERY_MS);
    try {
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      const code = await within('the operator to end', ROUND_TIMEOUT_MS, ended);
      return { code, log };
    } finally {
      clearTimeout(stopTimer);
      clearInterval(watchdog);
      child.kill('SIGKILL');
    }
  }
});
