/**
 * Kinds of log records: the u8 at byte 8 of the framing. A number is never given a second meaning; what a payload
 * holds is the business of `broker/state`, the store only carries it.
 */
export const RecordType = {
  Message: 1,
  Reference: 2,
  Ack: 3,
  Redelivery: 4,
  TransactionEnd: 5,
  TimerFired: 6,
  Recall: 7,
  OffsetReset: 8,
  TopicChange: 9,
  GroupChange: 10,
  Epoch: 11,
  SnapshotMarker: 12,
  Subscription: 13,
  Carry: 14,
  Progress: 15,
  /** Written by `store repair` over bytes that could not be read, so that everything after keeps its offset. */
  Hole: 16,
} as const;

export type RecordType = (typeof RecordType)[keyof typeof RecordType];

const namesByNumber: readonly (string | undefined)[] = Object.entries(RecordType).reduce<
  (string | undefined)[]
>((names, [name, number]) => {
  names[number] = name;
  return names;
}, []);

export function isRecordType(value: number): value is RecordType {
  return namesByNumber[value] !== undefined;
}

export function recordTypeName(value: number): string {
  return namesByNumber[value] ?? `type ${value}`;
}
