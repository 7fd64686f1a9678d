import type { IDuration, ITimestamp } from '../proto/generated/v2.ts';

const SECOND_MS = 1_000;
const MILLISECOND_NANOS = 1_000_000;

export function toMs(duration: IDuration | ITimestamp): number {
  return (duration.seconds ?? 0) * SECOND_MS + (duration.nanos ?? 0) / MILLISECOND_NANOS;
}

/** Undefined for an absent field. */
export function optionalMs(duration: IDuration | null | undefined): number | undefined {
  return duration === null || duration === undefined ? undefined : toMs(duration);
}

/** In whole milliseconds; 0 for an absent field. */
export function wholeMs(duration: IDuration | null | undefined): number {
  return Math.round(optionalMs(duration) ?? 0);
}

/** For a duration >= 0 or a time since the epoch, in whole milliseconds. */
export function fromMs(ms: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(ms / SECOND_MS);
  return { seconds, nanos: Math.round(ms - seconds * SECOND_MS) * MILLISECOND_NANOS };
}
