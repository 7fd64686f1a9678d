import { describe, expect, it } from '@jest/globals';
import { type ReplicaLogBug, runReplicaLog } from './replica-log-scenario.ts';

/** A planted bug that needs a rare fault still has to show within this many seeds. */
const CANARY_SEED_COUNT = 100;

describe('planted bugs: the ledger finds a log of a follower that', () => {
  const bugs: ReplicaLogBug[] = [
    'trusts-what-the-master-had-durable',
    'truncates-below-its-checkpoint',
    'skips-fdatasync',
  ];
  for (const bug of bugs) {
    it(bug.replaceAll('-', ' '), async () => {
      let failure: unknown;
      for (let seed = 1; seed <= CANARY_SEED_COUNT && failure === undefined; seed += 1) {
        failure = await runReplicaLog(seed, bug).then(
          () => undefined,
          (error: unknown) => error,
        );
      }
      expect(String((failure as Error | undefined)?.message)).toMatch(
        /invariant broken|corrupt|missing-log/,
      );
    });
  }
});
