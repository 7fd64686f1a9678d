/**
 * Whoever can say that a process is over: the supervisor of a machine, or Kubernetes of a container. It says so of one run,
 * never of a member: a name comes back with the next start, a run does not.
 */
export interface ProcessWitness {
  /**
   * Runs of this member of which it is certain that they are over, and will write nothing more. Silence says nothing: a run that
   * is not named may have ended or not. Rejects when it cannot look.
   */
  endedRuns(brokerName: string, memberName: string): Promise<readonly string[]>;
}

/** Where nobody can tell: heartbeats decide alone. */
export const NO_WITNESS: ProcessWitness = {
  endedRuns: () => Promise.resolve([]),
};
