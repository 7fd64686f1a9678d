import { runCommitLog } from '../commit-log-scenario.ts';

export const name = 'commit-log';

/** The real CommitLog over every fault of the disk, against a ledger of what it acknowledged. */
export function run(seed: number): Promise<void> {
  return runCommitLog(seed);
}
