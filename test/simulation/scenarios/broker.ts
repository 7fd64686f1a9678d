import { runBroker } from '../broker-scenario.ts';

export const name = 'broker';

/** The whole broker over every fault of the disk, against a ledger of what it promised to producers and consumers. */
export function run(seed: number): Promise<void> {
  return runBroker(seed);
}
