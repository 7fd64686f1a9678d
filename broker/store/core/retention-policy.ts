/**
 * Which whole segments may go. Only a prefix of the log, never the last segment, never anything that a restart, a slave or
 * a live reference still needs (`keepFrom`). Live references are carried forward before by their owner; per-topic
 * retention comes in as the longest that applies to anything in the log.
 *
 * | reason      | a segment goes when it is the oldest left and                                                  |
 * |-------------|------------------------------------------------------------------------------------------------|
 * | expired     | its newest record is older than `retentionMs`                                                  |
 * | over-bytes  | the log without it is still at least `retentionBytes`                                          |
 * | disk-forced | the disk is beyond its forced watermark, and the bytes to free are not reached yet              |
 * | follows     | on a slave: its master has deleted it                                                          |
 */

export interface RetainedSegment {
  startOffset: number;
  endOffset: number;
  /** Upper bound of the age of its records; undefined when unknown: then the next known one counts. */
  newestStoreTimeMs: number | undefined;
}

export interface RetentionLimits {
  nowMs: number;
  retentionMs: number;
  /** 0 = no limit. */
  retentionBytes: number;
  /** From the disk watermark; 0 unless it is 'forced' or 'full'. */
  mustFreeBytes: number;
  /** Nothing at or after this offset goes. */
  keepFrom: number;
}

export type SegmentDeletionReason = 'expired' | 'over-bytes' | 'disk-forced' | 'follows';

export interface SegmentDeletion {
  startOffset: number;
  endOffset: number;
  reason: SegmentDeletionReason;
}

/** The segments to delete, oldest first; for `CommitLog.deleteSegmentsBefore(last.endOffset)`. */
export function planRetention(
  segments: readonly RetainedSegment[],
  limits: RetentionLimits,
): SegmentDeletion[] {
  const end = segments.at(-1)?.endOffset ?? 0;
  const plan: SegmentDeletion[] = [];
  let freedBytes = 0;
  for (const [index, segment] of segments.slice(0, -1).entries()) {
    if (segment.endOffset > limits.keepFrom) break;
    const reason = deletionReason(segments, index, end - segment.endOffset, freedBytes, limits);
    if (reason === undefined) break;
    plan.push({ startOffset: segment.startOffset, endOffset: segment.endOffset, reason });
    freedBytes += segment.endOffset - segment.startOffset;
  }
  return plan;
}

/** On a slave: what lies below the start of its master's log, and never the last segment. */
export function planFollowing(
  segments: readonly RetainedSegment[],
  masterStartOffset: number,
): SegmentDeletion[] {
  return segments
    .slice(0, -1)
    .filter(({ endOffset }) => endOffset <= masterStartOffset)
    .map(({ startOffset, endOffset }) => ({ startOffset, endOffset, reason: 'follows' }));
}

function deletionReason(
  segments: readonly RetainedSegment[],
  index: number,
  bytesAfter: number,
  freedBytes: number,
  limits: RetentionLimits,
): SegmentDeletionReason | undefined {
  const known = segments
    .slice(index)
    .find((segment) => segment.newestStoreTimeMs !== undefined)?.newestStoreTimeMs;
  if (known !== undefined && known < limits.nowMs - limits.retentionMs) return 'expired';
  if (limits.retentionBytes > 0 && bytesAfter >= limits.retentionBytes) return 'over-bytes';
  if (freedBytes < limits.mustFreeBytes) return 'disk-forced';
  return undefined;
}
