import { describe, expect, it } from '@jest/globals';
import { BROKER_BUGS } from './broker-bugs.ts';
import { runBroker } from './broker-scenario.ts';

/** A planted bug that needs a rare fault still has to show within this many seeds. */
const CANARY_SEED_COUNT = 150;

/** Seeds that once found something in the product; what each of them found is the name of its test. */
const REGRESSIONS: readonly [seed: number, claim: string][] = [
  [1705, 'a snapshot that the disk does not give for the moment is not taken for missing log'],
];

describe('regressions', () => {
  it.each(REGRESSIONS)('seed %i: %s', async (seed) => {
    await runBroker(seed);
  });
});

describe('planted bugs: the ledger finds a broker that', () => {
  for (const bug of BROKER_BUGS) {
    it(
      bug.replaceAll('-', ' '),
      async () => {
        let failure: unknown;
        for (let seed = 1; seed <= CANARY_SEED_COUNT && failure === undefined; seed++) {
          failure = await runBroker(seed, bug).then(
            () => undefined,
            (error: unknown) => error,
          );
        }
        expect(String((failure as Error | undefined)?.message)).toMatch(
          /invariant broken|log|corrupt/,
        );
      },
      120_000,
    );
  }
});
