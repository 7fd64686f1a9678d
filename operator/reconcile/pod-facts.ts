/** What is read out of pods, said once. */
import type { Node, Pod } from '../kube/resource.ts';
import type { PodState } from './cluster/core/roll-plan.ts';

/** Reasons for waiting that do not end by waiting, or only by luck. */
const STUCK_REASONS: ReadonlySet<string> = new Set([
  ...['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull'],
  ...[
    'CrashLoopBackOff',
    'CreateContainerConfigError',
    'CreateContainerError',
    'RunContainerError',
  ],
]);

export function isReady(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ===
    true
  );
}

/** Since when it is ready, on the wall clock of the API server; undefined while it is not. */
export function readySinceMs(pod: Pod): number | undefined {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True' || ready.lastTransitionTime === undefined) return undefined;
  return Date.parse(ready.lastTransitionTime);
}

export function podState(pod: Pod | undefined): PodState {
  if (pod === undefined) return 'missing';
  if (pod.metadata.deletionTimestamp !== undefined) return 'terminating';
  if (isReady(pod)) return 'ready';
  return isStuck(pod) ? 'stuck' : 'starting';
}

/** When the pod came into the state that it is in, as far as it says; 0 for one that is not there. */
export function stateSinceMs(pod: Pod | undefined): number {
  if (pod === undefined) return 0;
  const { deletionTimestamp, creationTimestamp } = pod.metadata;
  const changed = pod.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
  return Date.parse(deletionTimestamp ?? changed ?? creationTimestamp ?? '') || 0;
}

/** Its process runs, as far as the kubelet has told. */
export function isContainerRunning(pod: Pod, container: string): boolean {
  const status = pod.status?.containerStatuses?.find(({ name }) => name === container);
  return status?.state?.running !== undefined;
}

/** No new pods are to come to the node. One that is not known is as good as any. */
export function isCordoned(node: Node | undefined): boolean {
  return node?.spec?.unschedulable === true;
}

/** The StatefulSet's name for the template that the pod was made from. */
export function revisionOf(pod: Pod): string {
  return pod.metadata.labels?.['controller-revision-hash'] ?? '';
}

function isStuck({ status }: Pod): boolean {
  if (status?.phase === 'Failed') return true;
  const unschedulable = status?.conditions?.some(
    ({ type, status: value, reason }) =>
      type === 'PodScheduled' && value === 'False' && reason === 'Unschedulable',
  );
  if (unschedulable === true) return true;
  const containers = [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
  ];
  return containers.some(({ state }) => STUCK_REASONS.has(state?.waiting?.reason ?? ''));
}
