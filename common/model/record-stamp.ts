/**
 * Tells a message from another one that has its place in the queue: after a failover that lost the end of the log, or a power
 * loss with flush async, the same queue offsets are given to other messages. 48 bits, from most to least significant:
 *
 *   1    set: there is a stamp. Where it is not, these 48 bits are something else, or nothing is known
 *   6    low bits of the epoch in which the message was stored
 *   41   low bits of the wall time at which it was stored, in ms
 *
 * In one epoch a place is given once, and the logs that contend for a place are of epochs close to each other; epochs that are
 * a multiple of 64 apart still differ in time. The time also serves a broker that is alone: its epoch is always 0.
 */

/** Nothing is known of which message it is. */
export const NO_STAMP = 0;

const STAMPED = 2 ** 47;
const EPOCHS = 2 ** 6;
const TIMES = 2 ** 41;

/** `storeTimeMs`: wall clock of the master that stored it. */
export function recordStamp(epoch: number, storeTimeMs: number): number {
  return STAMPED + (epoch % EPOCHS) * TIMES + (storeTimeMs % TIMES);
}

/** What is no stamp says nothing. */
export function stampOf(bits: number): number {
  return bits >= STAMPED ? bits : NO_STAMP;
}
