/**
 * Where a segment ends: at the first record boundary at or after `segmentBytes`. Decided when a record is appended, from
 * offsets alone, so that a slave that receives the same bytes rolls at the same places.
 */
export function startsSegment(
  segmentStart: number,
  recordOffset: number,
  segmentBytes: number,
): boolean {
  return recordOffset - segmentStart >= segmentBytes;
}
