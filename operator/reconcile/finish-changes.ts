import type { Environment } from '../../common/environment/environment.ts';
import type { WorkQueue } from '../kube/work-queue.ts';
import type { ClusterFailovers } from './broker-group/cluster-failovers.ts';

export interface HalfDone {
  readonly failovers: Pick<ClusterFailovers, 'isChanging'>;
  /** Moves the label of the master, which the Service of the group follows. */
  readonly groups: Pick<WorkQueue, 'isIdle'>;
}

/** A planned change of masters takes less than a second; one that is blocked would take any time. */
const FINISH_MS = 3_000;
const LOOK_MS = 25;

/**
 * What an operator does before it stops: it lets the changes of masters that have begun come to their end, at most for so long.
 * A master that hands over takes no writes until somebody carries on, and the next operator needs seconds to notice that
 * it leads. That is what happens when a node is drained that has both a master and the operator that leads.
 */
export async function finishChanges(
  { failovers, groups }: HalfDone,
  { clock, timers }: Pick<Environment, 'clock' | 'timers'>,
): Promise<void> {
  const endMs = clock.monotonicMs() + FINISH_MS;
  while ((failovers.isChanging || !groups.isIdle) && clock.monotonicMs() < endMs) {
    await new Promise<void>((resolve) => timers.after(LOOK_MS, resolve));
  }
}
