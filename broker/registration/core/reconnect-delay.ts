const FIRST_MS = 100;
/** Below the default expiry: a NameServer that has started anew hears from every broker before it answers for all. */
const LONGEST_MS = 2_000;
const DOUBLINGS_MAX = 10;

/** Wait before the next attempt: doubled each time, bounded, and spread over its upper half by 32 random bits. */
export function reconnectDelayMs(failures: number, random: number): number {
  const wholeMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, DOUBLINGS_MAX));
  return (wholeMs * (1 + random / 2 ** 32)) / 2;
}
