import { spawn } from 'node:child_process';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import type { ClusterBug } from './cluster/cluster-bugs.ts';
import { runCluster } from './cluster/cluster-scenario.ts';

/** Outside of jest's sandbox, and on every core: about a quarter of a second of one for each seed. */
const SEED_COUNT = process.env['ORBITMQ_SIMULATION'] === 'ci' ? 2_000 : 60;
const JOBS = availableParallelism();
const SECOND_MS = 1_000;

/** A short one with failovers. */
const REPEATED_SEED = 24;

/** Within so many seeds a planted bug has to show. */
const CANARY_SEED_COUNT = 100;

/**
 * Each with the first seed that shows it, to be quick; when the stories of the seeds change it takes some more. What finds them:
 * members that fold different records at one offset (FoldedLog), an acknowledgement of what has no effect anywhere
 * (GroupLedger), which is what a master that should have stopped gives, or a message that is acknowledged by nobody who had it
 * (SettlementLedger).
 */
const CANARIES: readonly [bug: ClusterBug, fromSeed: number][] = [
  // Acknowledged before the set is stored: by a master that counts other members than may be in the stored set.
  ['counts-a-new-member-only-when-the-larger-set-is-told', 2],
  ['stops-counting-a-member-before-the-smaller-set-is-stored', 1],
  // A slave that has whatever is in its log take effect.
  ['folds-beyond-the-confirm-offset', 1],
  // A member is elected that has not everything that was acknowledged.
  ['elects-outside-of-the-set', 1],
  // The set as it was before it became smaller is stored again, and a member of it is elected.
  ['decides-by-a-stale-record', 1],
  // A master that was deposed goes on.
  ['checks-no-epoch-after-a-revocation', 4],
  ['measures-the-lease-from-the-answer', 4],
  // A receipt settles whatever message has the place of its own one, which a failover has taken back.
  ['asks-no-receipt-which-message-it-is-for', 5],
];

/** What is no bug: nothing rests on a controller that reads what is stored now, since its change is refused otherwise. */
const HARMLESS: readonly ClusterBug[] = ['reads-a-stale-record'];
const HARMLESS_SEED_COUNT = 20;

describe('a cluster', () => {
  it(
    `keeps what it promises for seeds 1 to ${SEED_COUNT}`,
    async () => {
      const args = ['--seeds', `${SEED_COUNT}`, '--jobs', `${JOBS}`];
      expect(await simulate(args)).toMatchObject({ code: 0 });
    },
    60 * 60 * SECOND_MS,
  );
});

/** What each has found is mended; as long as the stories of the seeds stay as they are, it would find it again. */
const KEPT_SEEDS: readonly [seed: number, found: string][] = [
  [310_180, 'a member that starts again is not taken for the one that died'],
];

describe('a seed', () => {
  it.each(KEPT_SEEDS)('that was kept holds: %d, %s', (seed) => runCluster(seed), 300_000);

  it('tells the same story each time, event by event', async () => {
    const [first, second] = [await runCluster(REPEATED_SEED), await runCluster(REPEATED_SEED)];
    expect(second.world.scheduler.traceHash).toBe(first.world.scheduler.traceHash);
  }, 300_000);
});

describe('planted bugs: the checks find a cluster that', () => {
  for (const [bug, fromSeed] of CANARIES) {
    it(
      bug.replaceAll('-', ' '),
      async () => {
        const seeds = ['--seeds', `${CANARY_SEED_COUNT}`, '--from', `${fromSeed}`];
        const { code, output } = await simulate([...seeds, '--bug', bug]);
        expect(output).toContain('invariant broken');
        expect(code).toBe(1);
      },
      20 * 60 * SECOND_MS,
    );
  }
});

describe('what may go wrong without harm: it holds for a cluster that', () => {
  for (const bug of HARMLESS) {
    it(
      bug.replaceAll('-', ' '),
      async () => {
        const args = ['--seeds', `${HARMLESS_SEED_COUNT}`, '--jobs', `${JOBS}`, '--bug', bug];
        expect(await simulate(args)).toMatchObject({ code: 0 });
      },
      20 * 60 * SECOND_MS,
    );
  }
});

interface Outcome {
  readonly code: number | null;
  /** The end of what it printed. */
  readonly output: string;
}

const OUTPUT_CHARACTERS_MAX = 1_000_000;
/** A process that loads what an earlier one has compiled starts in half of the time. */
const COMPILE_CACHE = join(tmpdir(), 'orbitmq-simulation-compile-cache');

/** `npm run simulate`, outside of jest's sandbox, in which every use of a global is slow. */
function simulate(args: readonly string[]): Promise<Outcome> {
  const script = fileURLToPath(new URL('./run-seeds.ts', import.meta.url));
  const child = spawn(process.execPath, [script, '--scenario', 'cluster', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-OUTPUT_CHARACTERS_MAX);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, output });
    });
  });
}
