/** What the reconcilers need of Kubernetes: few calls and caches, so that they can be tested without a cluster. */
import type { EventReason } from '../api/events.ts';
import type { KubernetesObject } from '../api/object-meta.ts';
import type { KubeClient } from '../kube/kube-client.ts';

/** Live calls: what they answer is what is stored. */
export type LiveApi = Pick<
  KubeClient,
  'find' | 'create' | 'replaceStatus' | 'mergePatch' | 'delete'
>;

/** What a cache has of one kind. It may be behind. */
export interface CachedObjects<T extends KubernetesObject> {
  get(namespace: string | undefined, name: string): T | undefined;
  all(): readonly T[];
  labelled(label: string, value: string): readonly T[];
}

/** Events of Kubernetes. Nothing waits for them, and none is certain to be written. */
export interface StoryTeller {
  tell(about: KubernetesObject, reason: EventReason, message: string): void;
}
