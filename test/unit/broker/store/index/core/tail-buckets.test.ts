import { describe, expect, it } from '@jest/globals';
import { QueueTable } from '../../../../../../broker/store/index/core/queue-table.ts';
import { TailBuckets } from '../../../../../../broker/store/index/core/tail-buckets.ts';

function bucketsOf(...lengths: number[]): TailBuckets {
  const queues = new QueueTable();
  queues.reserve(lengths.length);
  const buckets = new TailBuckets(queues, 4);
  lengths.forEach((wholeChunks, queueNo) => {
    queues.create(queueNo, 0);
    buckets.place(queueNo, wholeChunks);
  });
  return buckets;
}

describe('TailBuckets', () => {
  it('offers the longest tail first, and of equal ones the one that waited longest', () => {
    const buckets = bucketsOf(1, 3, 0, 3);
    const order = [1, 2, 3, 4, 5].map(() => buckets.takeLongest());
    expect(order).toEqual([1, 3, 0, 2, undefined]);
  });

  it('takes every tail beyond a page for a full one', () => {
    const buckets = bucketsOf(4, 9, 3);
    expect(buckets.fullCount).toBe(2);
    expect([buckets.takeFull(), buckets.takeFull(), buckets.takeFull()]).toEqual([0, 1, undefined]);
  });

  it('does not offer a queue again before it is released', () => {
    const buckets = bucketsOf(4);
    expect(buckets.takeFull()).toBe(0);
    buckets.place(0, 4);
    expect(buckets.takeFull()).toBeUndefined();
    buckets.release(0);
    buckets.place(0, 4);
    expect(buckets.takeFull()).toBe(0);
  });

  it('forgets a removed queue wherever it stands', () => {
    for (const removed of [0, 1, 2]) {
      const buckets = bucketsOf(2, 2, 2);
      buckets.remove(removed);
      const left = [0, 1, 2].filter((queueNo) => queueNo !== removed);
      expect([buckets.takeLongest(), buckets.takeLongest()]).toEqual(left);
      expect(buckets.takeLongest()).toBeUndefined();
    }
  });
});
