/** How long a consumer group waits before an unacknowledged message is delivered again. */
export type Backoff =
  | { readonly kind: 'customized'; readonly stepsMs: readonly number[] }
  | {
      readonly kind: 'exponential';
      readonly initialMs: number;
      readonly maxMs: number;
      readonly multiplier: number;
    };

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** RocketMQ's delay levels from the third on: what its consumers have always been used to. 16 retries make 17 deliveries. */
const DEFAULT_RETRY_STEPS_MS: readonly number[] = [
  ...[1, 5, 10, 30].map((s) => s * SECOND_MS),
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 60, 120].map((m) => m * MINUTE_MS),
];

export const DEFAULT_CONSUMER_BACKOFF: Backoff = {
  kind: 'customized',
  stepsMs: DEFAULT_RETRY_STEPS_MS,
};

/** Deliveries of one message to a group before it goes to the dead-letter topic: the first and 16 retries. */
export const DEFAULT_MAX_ATTEMPTS = 17;

/** Milliseconds to wait after delivery number `attempt` (>= 1) ended without acknowledgement. */
export function backoffDelayMs(backoff: Backoff, attempt: number): number {
  if (backoff.kind === 'customized') {
    const index = Math.min(attempt, backoff.stepsMs.length) - 1;
    return backoff.stepsMs[Math.max(index, 0)] ?? 0;
  }
  return Math.min(backoff.maxMs, backoff.initialMs * backoff.multiplier ** (attempt - 1));
}
