import { runToyLog } from '../toy-log-scenario.ts';

export const name = 'toy-log';

/** The machinery itself: a log of a hundred lines, over every fault of the disk. */
export function run(seed: number): Promise<void> {
  return runToyLog(seed);
}
