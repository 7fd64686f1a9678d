/** How long one receive may wait for a first message. All in milliseconds; pure. */
export interface PollingTimes {
  /** long_polling_timeout of the request; undefined when absent (Go's simple consumer never sends it). */
  readonly requestedMs: number | undefined;
  /** What the client's Settings said; undefined or 0 when it did not say. */
  readonly settingsMs: number | undefined;
  /** For a client that said nothing anywhere. */
  readonly defaultMs: number;
  /** The longest that this server lets anyone wait. */
  readonly maxMs: number;
  /** Time left until the call's deadline; undefined without one. */
  readonly remainingMs: number | undefined;
}

/** Of what is left until the deadline, the share kept for the answer's way back, and its bounds. */
const MARGIN_SHARE = 0.1;
const MARGIN_MIN_MS = 20;
const MARGIN_MAX_MS = 500;

/**
 * The wait is what the client asked for, in the request or else in its Settings, within the server's limit and always a margin
 * short of the caller's deadline: Rust's deadline is its polling time, and an answer after it is an error to the user. There
 * is no lower limit. 0 = answer at once.
 */
export function pollingBudgetMs(times: PollingTimes): number {
  // A 0 in Settings is Go's "not set"; a 0 in the request is a wish.
  const fromSettings =
    times.settingsMs === undefined || times.settingsMs === 0 ? times.defaultMs : times.settingsMs;
  const wantedMs = Math.min(times.requestedMs ?? fromSettings, times.maxMs);
  if (times.remainingMs === undefined) return Math.max(wantedMs, 0);
  const marginMs = Math.min(
    Math.max(times.remainingMs * MARGIN_SHARE, MARGIN_MIN_MS),
    MARGIN_MAX_MS,
  );
  return Math.max(Math.floor(Math.min(wantedMs, times.remainingMs - marginMs)), 0);
}
