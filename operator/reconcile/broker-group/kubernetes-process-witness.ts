import type { ProcessWitness } from '../../failover/process-witness.ts';
import type { Pod } from '../../kube/resource.ts';
import { endedRunsOf, rememberEnds, type ContainerEnds } from './core/ended-runs.ts';

/** Members of which ends are remembered; far above what a cluster has. */
const MEMBERS_MAX = 1_000;

/**
 * Kubernetes as the witness of a cluster: told of every pod that is seen, the last state of a deleted one included. Names of
 * members are names of pods.
 */
export class KubernetesProcessWitness implements ProcessWitness {
  readonly #container: string;
  /** By member, oldest first. */
  readonly #ended = new Map<string, readonly string[]>();

  constructor(container: string) {
    this.#container = container;
  }

  /** True when it says that a run is over of which that was not known. */
  podSeen(pod: Pod): boolean {
    const { name } = pod.metadata;
    const known = this.#ended.get(name) ?? [];
    const next = rememberEnds(known, endedRunsOf(containerEnds(pod), this.#container));
    if (next === known) return false;
    this.#ended.delete(name);
    this.#ended.set(name, next);
    if (this.#ended.size > MEMBERS_MAX) {
      const [oldest] = this.#ended.keys();
      if (oldest !== undefined) this.#ended.delete(oldest);
    }
    return true;
  }

  endedRuns(_brokerName: string, memberName: string): Promise<readonly string[]> {
    return Promise.resolve(this.#ended.get(memberName) ?? []);
  }
}

function containerEnds({ status }: Pod): readonly ContainerEnds[] {
  return (status?.containerStatuses ?? []).map(({ name, state, lastState }) => ({
    name,
    stateMessage: state?.terminated?.message,
    lastStateMessage: lastState?.terminated?.message,
  }));
}
