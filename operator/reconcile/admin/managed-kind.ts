import type { KubernetesObject } from '../../api/object-meta.ts';
import type { Condition } from '../../kube/core/conditions.ts';
import type { Resource } from '../../kube/resource.ts';
import type { BrokerContent, ClusterDirectory, DirectoryBroker } from './cluster-directory.ts';

/** A resource that stands for something at the brokers. */
export interface ManagedResource extends KubernetesObject {
  readonly spec: {
    readonly clusterRef: { readonly name: string };
    readonly name?: string | undefined;
    readonly deletionPolicy: 'Delete' | 'Retain';
  };
  readonly status?: {
    readonly observedGeneration?: number | undefined;
    readonly conditions?: readonly Condition[] | undefined;
    readonly groups?: readonly string[] | undefined;
  };
}

/** One thing to do at one broker group. */
export interface ManagedStep {
  readonly kind: 'create' | 'update';
  readonly brokerName: string;
  /** Does it, and tells the directory. Rejects with what the broker refuses. */
  perform(broker: DirectoryBroker, directory: ClusterDirectory): Promise<void>;
}

export interface ManagedPlan {
  readonly steps: readonly ManagedStep[];
  readonly settled: readonly string[];
  readonly unknown: readonly string[];
  /** What cannot be brought about, for people; empty: nothing. */
  readonly impossible: string;
}

/** What tells topics and consumer groups apart. */
export interface ManagedKind<R extends ManagedResource> {
  readonly resource: Resource<R>;
  /** As a person calls it. */
  readonly noun: string;
  nameOf(object: R): string;
  plan(object: R, content: readonly BrokerContent[]): ManagedPlan;
  /** Whether any broker group has it. */
  isThere(object: R, content: readonly BrokerContent[]): boolean;
  remove(object: R, broker: DirectoryBroker, directory: ClusterDirectory): Promise<void>;
  /** The fields of the status besides conditions. */
  facts(object: R, settled: readonly string[], content: readonly BrokerContent[]): object;
}
