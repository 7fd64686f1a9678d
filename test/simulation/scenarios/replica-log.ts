import { runReplicaLog } from '../replica-log-scenario.ts';

export const name = 'replica-log';

/** A CommitLog that copies the logs of changing masters over every fault of the disk, truncations and resets included. */
export function run(seed: number): Promise<void> {
  return runReplicaLog(seed);
}
