import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Backoff } from '../../../../../operator/kube/core/backoff.ts';
import { DelayHeap } from '../../../../../operator/kube/core/delay-heap.ts';
import { KeyQueue } from '../../../../../operator/kube/core/key-queue.ts';
import { RetryLimiter } from '../../../../../operator/kube/core/retry-limiter.ts';
import { TokenBucket } from '../../../../../operator/kube/core/token-bucket.ts';

describe('the queue of keys', () => {
  it('gives many reasons one turn, and says how long the first one waited', () => {
    const queue = new KeyQueue();
    queue.add('a', 10);
    queue.add('a', 20);
    expect(queue.depth).toBe(1);
    expect(queue.take(50)).toEqual({ key: 'a', waitedMs: 40 });
    expect(queue.take(50)).toBeUndefined();
  });

  it('gives a key that is added during its turn one more turn after it, not at once', () => {
    const queue = new KeyQueue();
    queue.add('a', 0);
    queue.take(0);
    queue.add('a', 1);
    queue.add('a', 2);
    expect(queue.take(3)).toBeUndefined();
    queue.done('a');
    expect(queue.take(4)?.key).toBe('a');
    queue.done('a');
    expect(queue.take(5)).toBeUndefined();
  });

  it('keeps the order of arrival', () => {
    const queue = new KeyQueue();
    for (const key of ['c', 'a', 'b', 'a']) queue.add(key, 0);
    expect([1, 2, 3].map(() => queue.take(0)?.key)).toEqual(['c', 'a', 'b']);
  });

  it('never has two turns of a key, and never forgets a reason', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), key: fc.constantFrom('a', 'b', 'c') }),
      fc.constant({ kind: 'take' as const }),
      fc.record({ kind: fc.constant('done' as const), key: fc.constantFrom('a', 'b', 'c') }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new KeyQueue();
        const inWork = new Set<string>();
        const owed = new Set<string>();
        for (const { kind, ...rest } of steps) {
          const { key } = rest as { key: string };
          if (kind === 'add') {
            queue.add(key, 0);
            owed.add(key);
          } else if (kind === 'take') {
            const taken = queue.take(0);
            if (taken === undefined) continue;
            expect(inWork.has(taken.key)).toBe(false);
            inWork.add(taken.key);
            owed.delete(taken.key);
          } else if (inWork.delete(key)) queue.done(key);
        }
        for (const key of inWork) queue.done(key);
        for (let next = queue.take(0); next !== undefined; next = queue.take(0))
          owed.delete(next.key);
        expect([...owed]).toEqual([]);
      }),
    );
  });
});

describe('the heap of delayed keys', () => {
  it('gives keys in the order of their time, each once, at the earliest of its times', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(1_000)), { maxLength: 80 }), (entries) => {
        const heap = new DelayHeap();
        const earliest = new Map<string, number>();
        for (const [number, atMs] of entries) {
          const key = `k${number}`;
          heap.add(key, atMs);
          earliest.set(key, Math.min(atMs, earliest.get(key) ?? Infinity));
        }
        expect(heap.size).toBe(earliest.size);
        const times: number[] = [];
        for (let nextMs = heap.nextMs(); nextMs !== undefined; nextMs = heap.nextMs()) {
          expect(heap.take(nextMs - 1)).toBeUndefined();
          const key = heap.take(nextMs) as string;
          expect(earliest.get(key)).toBe(nextMs);
          earliest.delete(key);
          times.push(nextMs);
        }
        expect(earliest.size).toBe(0);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
      }),
    );
  });
});

describe('pauses', () => {
  it('of a key double from 5 ms up to a minute, and are forgotten after a success', () => {
    const limiter = new RetryLimiter({ firstMs: 5, maxMs: 60_000, perSecond: 1e9, burst: 1e9 });
    const delays = Array.from({ length: 16 }, () => limiter.delayMs('a', 0));
    expect(delays.slice(0, 5)).toEqual([5, 10, 20, 40, 80]);
    expect(delays.at(-1)).toBe(60_000);
    expect(limiter.delayMs('b', 0)).toBe(5);
    limiter.forget('a');
    expect(limiter.failures('a')).toBe(0);
    expect(limiter.delayMs('a', 0)).toBe(5);
  });

  it('of all keys together are at least those of the bucket', () => {
    const limiter = new RetryLimiter();
    const delays = Array.from({ length: 120 }, (_, index) => limiter.delayMs(`k${index}`, 0));
    expect(delays[99]).toBe(5);
    expect(delays[100]).toBe(100);
    expect(delays[119]).toBe(2_000);
  });

  it('of a bucket end as it fills', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 2 });
    expect([bucket.reserve(0), bucket.reserve(0), bucket.reserve(0)]).toEqual([0, 0, 100]);
    expect(bucket.tryTake(100)).toBe(false);
    expect(bucket.tryTake(300)).toBe(true);
    bucket.giveBack();
    expect(bucket.reserve(300)).toBe(0);
  });

  it('between tries double with a part by chance, stay below the limit and begin anew', () => {
    const backoff = new Backoff({ firstMs: 800, maxMs: 30_000 });
    const half = 2 ** 31;
    const pauses = Array.from({ length: 8 }, () => backoff.next(half));
    expect(pauses.slice(0, 3)).toEqual([1_200, 2_400, 4_800]);
    expect(pauses.at(-1)).toBe(30_000);
    backoff.reset();
    expect(backoff.next(0)).toBe(800);
  });
});
