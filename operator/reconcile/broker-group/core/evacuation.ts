/** When a master is to hand over because of what happens to its pod or its node, and when a hung one is ended. */

export interface EvacuationPod {
  readonly name: string;
  readonly uid: string;
  /** It has a deletion timestamp: deleted, evicted, or drained away. */
  readonly isTerminating: boolean;
  /** Its node takes no new pods: somebody is about to drain it. */
  readonly isNodeCordoned: boolean;
  readonly isReady: boolean;
  /** Its process runs, as far as the kubelet says. */
  readonly isRunning: boolean;
}

export interface EvacuationGroup {
  readonly phase: string;
  readonly master: string | undefined;
  readonly syncStateSet: readonly string[];
  readonly fencedMembers: readonly string[];
}

export type Evacuation =
  | { readonly kind: 'stay' }
  | { readonly kind: 'switch-over'; readonly target: string; readonly reason: string }
  | { readonly kind: 'nobody'; readonly reason: string };

/** The master hands over before its pod goes, to a member whose own pod stays. */
export function planEvacuation(group: EvacuationGroup, pods: readonly EvacuationPod[]): Evacuation {
  const pod = pods.find(({ name }) => name === group.master);
  if (group.phase !== 'stable' || pod === undefined) return { kind: 'stay' };
  const reason = whyLeave(pod);
  if (reason === undefined) return { kind: 'stay' };
  const candidates = pods.filter(
    (other) =>
      other.name !== pod.name &&
      other.isReady &&
      !other.isTerminating &&
      group.syncStateSet.includes(other.name) &&
      !group.fencedMembers.includes(other.name),
  );
  const target = candidates.find(({ isNodeCordoned }) => !isNodeCordoned) ?? candidates[0];
  // From one cordoned node to another nothing is won, unless the pod goes now.
  const isWorthIt = target !== undefined && (pod.isTerminating || !target.isNodeCordoned);
  if (!isWorthIt)
    return { kind: 'nobody', reason: `${reason}, and no other member could take over` };
  return { kind: 'switch-over', target: target.name, reason };
}

function whyLeave({ name, isTerminating, isNodeCordoned }: EvacuationPod): string | undefined {
  if (isTerminating) return `the pod of the master ${name} is ending`;
  return isNodeCordoned ? `the node of the master ${name} is cordoned` : undefined;
}

export interface HungInput {
  readonly phase: string;
  readonly master: string | undefined;
  /** Who was deposed by the last change of master, and why. */
  readonly oldMaster: string;
  readonly cause: string;
  /** Since the new master serves. */
  readonly sinceMs: number;
  readonly pod: EvacuationPod | undefined;
  /** When that pod was made, before the change of master. */
  readonly isPodOlder: boolean;
  /** The controller reaches the old master again. */
  readonly isAnswering: boolean;
}

/** A process that only pauses comes back, and finds its way by itself. */
const HUNG_AFTER_MS = 2_000;

/**
 * A master that was deposed because nothing was heard of it, while its process is there: clients that are connected to it would
 * wait until their own timeouts. Ending its pod ends their connections.
 */
export function isHung(input: HungInput): boolean {
  const { phase, master, oldMaster, cause, sinceMs, pod, isPodOlder, isAnswering } = input;
  if (phase !== 'stable' || cause !== 'silent' || oldMaster === master) return false;
  if (pod === undefined || !pod.isRunning || pod.isTerminating || !isPodOlder) return false;
  return !isAnswering && sinceMs >= HUNG_AFTER_MS;
}
