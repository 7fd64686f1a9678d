import { assert } from '../assert.ts';

/**
 * Byte position in the CommitLog of one broker group. A safe integer (2^53 bytes are 9 PB), stored in 7 bytes on
 * disk; branded so that it cannot be mixed up with a queue offset.
 */
export type PhysicalOffset = number & { readonly brand: 'PhysicalOffset' };

/** Position of a message in its queue: 0 for the first message ever stored there, then dense. */
export type QueueOffset = number & { readonly brand: 'QueueOffset' };

/** Term of a master; grows by one with each promotion. */
export type Epoch = number & { readonly brand: 'Epoch' };

/** Largest position in a queue: what fits 48 bits, on disk and in receipt handles. */
const QUEUE_OFFSET_MAX = 2 ** 48 - 1;

export function physicalOffset(value: number): PhysicalOffset {
  assert(Number.isSafeInteger(value) && value >= 0, `physical offset ${value}`);
  return value as PhysicalOffset;
}

export function queueOffset(value: number): QueueOffset {
  assert(
    Number.isSafeInteger(value) && value >= 0 && value <= QUEUE_OFFSET_MAX,
    `queue offset ${value}`,
  );
  return value as QueueOffset;
}

export function epoch(value: number): Epoch {
  assert(Number.isSafeInteger(value) && value >= 0 && value < 2 ** 32, `epoch ${value}`);
  return value as Epoch;
}
