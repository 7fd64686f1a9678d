/** What a broker tells a NameServer about itself, and what it hears back. */
import type { ConsumerGroupConfig } from './consumer-group.ts';
import type { TopicConfig } from './topic.ts';

/** First report on a stream. */
export interface BrokerHello {
  readonly clusterName: string;
  readonly brokerName: string;
  /** Where clients are sent, whichever member is the master. */
  readonly advertised: { readonly host: string; readonly port: number };
  /** Of a master its term; of a slave the highest one that it has accepted. */
  readonly epoch: number;
  /** OrbitMQ's version. */
  readonly version: string;
  /** Drawn at the start of the process, to tell a restarted broker from one that only connected anew. */
  readonly runId: string;
  readonly heartbeatIntervalMs: number;
  /** Name of this member of the group; '': the group has no other. */
  readonly memberName: string;
  /** A slave is known and watched; it leads no routes and tells no configuration. */
  readonly isSlave: boolean;
  /** Where other nodes reach this member. */
  readonly memberAddress: { readonly host: string; readonly port: number };
}

/**
 * Topics and groups that have changed from one version to another. Versions count the changes of one run of a broker, from 1
 * on. What has changed between two of them is one or more deltas with the same pair of versions, the last one `isComplete`.
 */
export interface BrokerDelta {
  /** 0: what was known before is to be forgotten. */
  readonly baseVersion: number;
  readonly version: number;
  readonly isComplete: boolean;
  readonly topics: readonly TopicConfig[];
  readonly removedTopics: readonly string[];
  readonly groups: readonly ConsumerGroupConfig[];
  readonly removedGroups: readonly string[];
}

export interface BrokerHeartbeat {
  readonly epoch: number;
  readonly logEndOffset: number;
  readonly confirmOffset: number;
  readonly isWritable: boolean;
}

export type BrokerReport =
  | { readonly kind: 'hello'; readonly hello: BrokerHello }
  | { readonly kind: 'delta'; readonly delta: BrokerDelta }
  | { readonly kind: 'heartbeat'; readonly heartbeat: BrokerHeartbeat }
  | { readonly kind: 'goodbye' };

/** A report with its place on the stream: dense, from 1 on. */
export interface NumberedReport {
  readonly sequence: number;
  readonly report: BrokerReport;
}

export interface BrokerReportAck {
  readonly sequence: number;
  /** Why the broker is not registered, or no longer; undefined when it is. */
  readonly refusal: string | undefined;
  /** Highest epoch known for the broker group. */
  readonly epoch: number;
  readonly nameServerRunId: string;
  /** Version up to which everything of this run of the broker is known; 0: nothing. */
  readonly knownVersion: number;
  /** Whether the lease to write is granted from when the report was sent. */
  readonly isGranted: boolean;
}
