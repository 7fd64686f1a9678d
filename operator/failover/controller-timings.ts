import type { FailoverTimings } from './core/observation.ts';

/** Everything about time that a controller is given. */
export interface ControllerTimings extends FailoverTimings {
  /** How often NameServers and witness are asked, and how long a quiet group waits for its next look. */
  readonly intervalMs: number;
  /** How long a member may hold the question for its status. */
  readonly longPollMs: number;
  /** How often the cluster spec is read. */
  readonly specIntervalMs: number;
  /** Bound of one read or write of the store. */
  readonly storeTimeoutMs: number;
}

/** Between attempts that failed: at first, and at most. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;

export function timingsFor(intervalMs: number): ControllerTimings {
  return {
    intervalMs,
    longPollMs: 1_000,
    specIntervalMs: 1_000,
    storeTimeoutMs: 5_000,
    // An answer to a long poll is at most this old, and its call may take a moment.
    reachableMs: 2_500,
    revokeWaitMs: 1_000,
    promoteWaitMs: 10_000,
    handOverMs: 3_000,
    handOverRetryMs: 10_000,
  };
}

/** Doubles with each attempt. */
export function retryMs(attempt: number): number {
  return Math.min(RETRY_MIN_MS * 2 ** Math.min(attempt, 10), RETRY_MAX_MS);
}
