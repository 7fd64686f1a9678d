/** Times and durations of protobuf. Only milliseconds are kept: the protocol has no finer ones. */

interface SecondsAndNanos {
  readonly seconds?: number | null | undefined;
  readonly nanos?: number | null | undefined;
}

export function fromMs(ms: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(ms / 1_000);
  return { seconds, nanos: Math.round((ms - seconds * 1_000) * 1_000_000) };
}

/** Undefined for an absent value. */
export function toMs(value: SecondsAndNanos | null | undefined): number | undefined {
  if (value === null || value === undefined) return undefined;
  return (value.seconds ?? 0) * 1_000 + Math.floor((value.nanos ?? 0) / 1_000_000);
}

/** ISO text of a time, '' for an absent one. */
export function isoTime(ms: number | null | undefined): string {
  return ms === null || ms === undefined || ms <= 0 ? '' : new Date(ms).toISOString();
}
