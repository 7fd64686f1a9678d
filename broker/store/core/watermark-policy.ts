/**
 * The disk watermarks of RocketMQ, with hysteresis so that one deleted segment does not make a broker flap.
 *
 *   ok --75 %--> cleanup --85 %--> forced --90 %--> full
 *   each falls back once usage is HYSTERESIS_RATIO below the mark that it entered at
 *
 * - cleanup: retention runs at once instead of at its next turn
 * - forced: the oldest segments go although they have not expired
 * - full: as forced, and sends are refused; reads and acknowledgements go on
 */
export type WatermarkState = 'ok' | 'cleanup' | 'forced' | 'full';

export interface Watermarks {
  cleanupRatio: number;
  forcedRatio: number;
  fullRatio: number;
}

export const DEFAULT_WATERMARKS: Watermarks = {
  cleanupRatio: 0.75,
  forcedRatio: 0.85,
  fullRatio: 0.9,
};

const HYSTERESIS_RATIO = 0.02;

const LEVELS: readonly WatermarkState[] = ['ok', 'cleanup', 'forced', 'full'];

export function nextWatermark(
  current: WatermarkState,
  usedRatio: number,
  marks: Watermarks,
): WatermarkState {
  const entered = levelOf(usedRatio, marks);
  const left = levelOf(usedRatio + HYSTERESIS_RATIO, marks);
  const level = Math.max(entered, Math.min(LEVELS.indexOf(current), left));
  return LEVELS[level] ?? 'ok';
}

/** What has to go for a disk in 'forced' or 'full' to leave that state; 0 in the others. */
export function bytesToFree(
  state: WatermarkState,
  usedBytes: number,
  totalBytes: number,
  marks: Watermarks,
): number {
  if (state === 'ok' || state === 'cleanup') return 0;
  return Math.max(0, Math.ceil(usedBytes - totalBytes * (marks.forcedRatio - HYSTERESIS_RATIO)));
}

function levelOf(usedRatio: number, marks: Watermarks): number {
  if (usedRatio >= marks.fullRatio) return 3;
  if (usedRatio >= marks.forcedRatio) return 2;
  return usedRatio >= marks.cleanupRatio ? 1 : 0;
}
