import { crc32c } from '@node-rs/crc32';

/** Hash of a tag as it stands in the queue index; 0 is kept for "no tag". */
export function tagHash(tag: string): number {
  return tag === '' ? 0 : crc32c(tag) || 1;
}

/** Odd multipliers of the two lanes and of the final mixing, from the public-domain MurmurHash family. */
const LANE_A = 0x85ebca6b;
const LANE_B = 0xc2b2ae35;
const MIX = 0x9e3779b1;

/**
 * 64-bit hash of (topic, message id) for the idempotence window, as two multiplicative lanes. (Two CRCs would not do: they
 * are linear, so the second says nothing new.) Not collision-free, so every hit is confirmed on the stored message.
 */
export function messageIdHash(topicId: number, messageId: string): { high: number; low: number } {
  let a = Math.imul(topicId, MIX) ^ messageId.length;
  let b = ~a;
  for (let i = 0; i < messageId.length; i++) {
    const unit = messageId.charCodeAt(i);
    a = Math.imul(a ^ unit, LANE_A);
    b = Math.imul(b ^ unit, LANE_B);
    a ^= a >>> 15;
    b ^= b >>> 13;
  }
  return { high: (a ^ Math.imul(b, MIX)) >>> 0, low: (b ^ (a >>> 16)) >>> 0 };
}
