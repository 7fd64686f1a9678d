import { assert } from '../../../../../common/assert.ts';
import type { Environment } from '../../../../../common/environment/environment.ts';
import { EntryBatch } from '../../../../../broker/store/index/core/entry-batch.ts';
import { intact } from '../../../../../broker/store/index/index-damage.ts';
import { QueueIndex, type IndexBase } from '../../../../../broker/store/index/queue-index.ts';
import {
  queueIndexOptions,
  type QueueIndexOptions,
} from '../../../../../broker/store/index/queue-index-options.ts';

/** What the tests of the index share: a tiny index, and entries made from their physical offset. */
export const DIRECTORY = '/data/index';

export const smallOptions = (changes: Partial<QueueIndexOptions> = {}): QueueIndexOptions =>
  queueIndexOptions({
    directory: DIRECTORY,
    indexBufferBytes: 4096,
    indexBufferBytesMax: 16_384,
    pageCacheBytes: 2048,
    pageEntries: 32,
    segmentBytes: 3000,
    captureChunkBytes: 64,
    ...changes,
  });

export async function openIndex(
  environment: Environment,
  base?: IndexBase,
  changes: Partial<QueueIndexOptions> = {},
): Promise<QueueIndex> {
  const result = await QueueIndex.open(smallOptions(changes), environment, base);
  assert(result.kind === 'open', `the index opens: ${'reason' in result ? result.reason : ''}`);
  return result.index;
}

/** Appends an entry all of whose fields follow from its physical offset. */
export function put(index: QueueIndex, queueNo: number, offset: number, physical: number): void {
  index.append(queueNo, offset, physical, bytesOf(physical), tagOf(physical), flagsOf(physical));
}

/** `count` entries, 10 bytes of log apart, to each of the queues in turn; returns the log offset after them. */
export function fill(
  index: QueueIndex,
  queues: readonly number[],
  count: number,
  from = 0,
): number {
  let physical = from;
  for (let i = 0; i < count; i++) {
    for (const queueNo of queues) {
      put(index, queueNo, index.endOffset(queueNo), physical);
      physical += 10;
    }
  }
  return physical;
}

/** Physical offsets of all entries of the queue; checks every field of every entry on the way. */
export async function contents(index: QueueIndex, queueNo: number, step = 7): Promise<number[]> {
  const batch = new EntryBatch(step);
  const found: number[] = [];
  for (let at = index.minOffset(queueNo); at < index.endOffset(queueNo);) {
    const count = intact(await index.read(queueNo, at, step, batch));
    assert(count > 0 && batch.startOffset === at, 'the read starts where it was told to');
    for (let i = 0; i < count; i++) {
      const physical = batch.physical[i] as number;
      const isWhole =
        batch.bytes[i] === bytesOf(physical) &&
        batch.tagHash[i] === tagOf(physical) &&
        batch.flags[i] === flagsOf(physical);
      assert(isWhole, `the entry at ${physical} is whole`);
      found.push(physical);
    }
    at += count;
  }
  return found;
}

/** A finished capture, as a base for opening. */
export async function capture(index: QueueIndex, foldedOffset: number): Promise<Buffer[]> {
  const chunks = [...index.capture(() => foldedOffset)];
  await index.sync();
  return chunks;
}

export const bytesOf = (physical: number): number => (physical % 4_000_000) + 10;
export const tagOf = (physical: number): number => Math.imul(physical, 2_654_435_761) >>> 0;
export const flagsOf = (physical: number): number => physical % 65_521;
