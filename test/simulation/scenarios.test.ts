import { describe, expect, it } from '@jest/globals';
import { loadScenarios } from './scenario-registry.ts';
import { runToyLog } from './toy-log-scenario.ts';
import type { PlantedBug } from './toy-log.ts';

/** The short set of every commit; `npm run simulate` takes thousands. */
const SEED_COUNT = 30;

/** A planted bug that needs a rare fault still has to show within this many seeds. */
const CANARY_SEED_COUNT = 100;

const scenarios = await loadScenarios();

describe('scenarios', () => {
  for (const scenario of scenarios) {
    const seedCount = scenario.testSeedCount ?? SEED_COUNT;
    it(`${scenario.name} holds for seeds 1 to ${seedCount}`, async () => {
      for (let seed = 1; seed <= seedCount; seed++) {
        try {
          await scenario.run(seed);
        } catch (error) {
          const repeat = `npm run simulate -- --scenario ${scenario.name} --seeds 1 --from ${seed}`;
          throw new Error(`SEED=${seed}, repeat it with: ${repeat}`, { cause: error });
        }
      }
    }, 120_000);
  }
});

describe('planted bugs: the simulator finds a toy log that', () => {
  const bugs: PlantedBug[] = [
    'acknowledges-before-sync',
    'forgets-to-sync-directory',
    'trusts-file-after-failed-sync',
    'recovers-without-checksum',
  ];
  for (const bug of bugs) {
    it(bug.replaceAll('-', ' '), async () => {
      let failure: unknown;
      for (let seed = 1; seed <= CANARY_SEED_COUNT && failure === undefined; seed++) {
        failure = await runToyLog(seed, bug).then(
          () => undefined,
          (error: unknown) => error,
        );
      }
      expect(failure).toMatchObject({ message: expect.stringContaining('invariant broken') });
    });
  }
});
