/**
 * Which runs of a member are certainly over, from what the kubelet says of its pod. A member writes the id of its run into the
 * termination message of its container when it starts; the kubelet reads that file when the container has ended, whatever has
 * ended it, and hands it out with the end. So an end names its run: no clock, no restart count and no guess is needed.
 *
 * A pod that is not there any more says nothing. It may have been removed by force from a node that cannot be reached, where
 * its process goes on; then heartbeats decide.
 */

/** The ends that a container status names. */
export interface ContainerEnds {
  readonly name: string;
  /** Termination message of `state.terminated`, and of `lastState.terminated`; undefined where there is no such state. */
  readonly stateMessage: string | undefined;
  readonly lastStateMessage: string | undefined;
}

/** As the option `run-id` has it. */
const RUN_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** Runs of one member that are remembered: the last ones are those that may still be called a master. */
export const ENDED_RUNS_MAX = 16;

export function endedRunsOf(containers: readonly ContainerEnds[], container: string): string[] {
  return containers
    .filter(({ name }) => name === container)
    .flatMap(({ stateMessage, lastStateMessage }) => [lastStateMessage, stateMessage])
    .flatMap((message) => runIdIn(message) ?? []);
}

/** The first line; a process that fails may write its reason below. */
function runIdIn(message: string | undefined): string | undefined {
  const line = message?.split('\n', 1)[0]?.trim() ?? '';
  return RUN_ID.test(line) ? line : undefined;
}

/** What was known with what is new, the newest last. The same list when nothing is. */
export function rememberEnds(
  known: readonly string[],
  found: readonly string[],
): readonly string[] {
  const fresh = found.filter((runId) => !known.includes(runId));
  return fresh.length === 0 ? known : [...known, ...fresh].slice(-ENDED_RUNS_MAX);
}
