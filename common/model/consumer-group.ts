import { DEFAULT_CONSUMER_BACKOFF, DEFAULT_MAX_ATTEMPTS, type Backoff } from './retry-policy.ts';

/** Where a group begins on a topic that it has never consumed. */
export const START_POSITIONS = ['latest', 'earliest'] as const;
export type StartPosition = (typeof START_POSITIONS)[number];

/** What an administrator can say of a consumer group. */
export interface ConsumerGroupConfig {
  /** Full name, see `fullName`. */
  readonly name: string;
  /** Deliveries before a message is moved to the dead-letter topic (>= 1). */
  readonly maxAttempts: number;
  /** Deliver in order: a message waits until its predecessors of the same message group are done. */
  readonly ordered: boolean;
  readonly backoff: Backoff;
  readonly startPosition: StartPosition;
  /** A paused group receives nothing; its position is kept. */
  readonly paused: boolean;
}

export function defaultConsumerGroup(name: string): ConsumerGroupConfig {
  return {
    name,
    maxAttempts: DEFAULT_MAX_ATTEMPTS,
    ordered: false,
    backoff: DEFAULT_CONSUMER_BACKOFF,
    startPosition: 'latest',
    paused: false,
  };
}
