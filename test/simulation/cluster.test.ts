import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import type { ClusterBug } from './cluster/cluster-bugs.ts';
import { runCluster } from './cluster/cluster-scenario.ts';

/** Outside of jest's sandbox, and on every core: about a minute on two busy ones, or what CI has time for. */
const SEED_COUNT = process.env['ORBITMQ_SIMULATION'] === 'ci' ? 2_000 : 150;
const JOBS = 2;
const SECOND_MS = 1_000;

/** A planted bug that needs a rare fault still has to show within this many seeds. */
const CANARY_SEED_COUNT = 60;

/** Those that are certainly found within so few seeds. */
const CANARIES: readonly ClusterBug[] = [
  'counts-a-new-member-only-when-the-larger-set-is-told',
  'stops-counting-a-member-before-the-smaller-set-is-stored',
  'elects-outside-of-the-set',
];

/** Seeds that once found something in the product; what each of them found is the name of its test. */
const REGRESSIONS: readonly [seed: number, claim: string][] = [];

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

describe('regressions', () => {
  it('are kept by name', () => {
    expect(REGRESSIONS.every(([, claim]) => claim !== '')).toBe(true);
  });
  for (const [seed, claim] of REGRESSIONS) {
    it(`seed ${seed}: ${claim}`, async () => {
      await runCluster(seed);
    });
  }
});

describe('planted bugs: the checks find a cluster that', () => {
  for (const bug of CANARIES) {
    it(
      bug.replaceAll('-', ' '),
      async () => {
        const seeds = ['--seeds', `${CANARY_SEED_COUNT}`];
        const { code, output } = await simulate([...seeds, '--bug', bug]);
        expect(output).toContain('invariant broken');
        expect(code).toBe(1);
      },
      240 * SECOND_MS,
    );
  }
});

interface Outcome {
  readonly code: number | null;
  /** The end of what it printed. */
  readonly output: string;
}

const OUTPUT_CHARACTERS_MAX = 20_000;

/** `npm run simulate`, outside of jest's sandbox, in which every use of a global is slow. */
function simulate(args: readonly string[]): Promise<Outcome> {
  const script = fileURLToPath(new URL('./run-seeds.ts', import.meta.url));
  const child = spawn(process.execPath, [script, '--scenario', 'cluster', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
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
