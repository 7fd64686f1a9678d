import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import type { ClusterBug } from './cluster/cluster-bugs.ts';

/** Outside of jest's sandbox, and on every core: about half a minute on two idle ones, or what CI has time for. */
const SEED_COUNT = process.env['ORBITMQ_SIMULATION'] === 'ci' ? 2_000 : 60;
const JOBS = 2;
const SECOND_MS = 1_000;

/** Within so many seeds a planted bug has to show. */
const CANARY_SEED_COUNT = 100;

/** Each with a seed near which it shows, to be quick; when the story of the seeds changes it takes some more. */
const CANARIES: readonly [bug: ClusterBug, fromSeed: number][] = [
  ['checks-no-epoch-after-a-revocation', 4],
  ['measures-the-lease-from-the-answer', 5],
  ['elects-outside-of-the-set', 2],
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
      expect(await simulate(['--seeds', '1', '--from', `${seed}`])).toMatchObject({ code: 0 });
    });
  }
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

interface Outcome {
  readonly code: number | null;
  /** The end of what it printed. */
  readonly output: string;
}

const OUTPUT_CHARACTERS_MAX = 1_000_000;

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
