import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { IdempotenceWindow } from '../../../../broker/state/idempotence-window.ts';

const WINDOW_MS = 1_000;

interface Send {
  high: number;
  low: number;
  physical: number;
  bytes: number;
  storedMs: number;
}

/** The newest `capacity` sends, searched from the newest. */
class Model {
  readonly sends: Send[] = [];
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(send: Send): void {
    this.sends.push(send);
    if (this.sends.length > this.#capacity) this.sends.shift();
  }

  find(high: number, low: number, nowMs: number): { physical: number; bytes: number } | undefined {
    const found = this.sends.findLast((send) => send.high === high && send.low === low);
    if (found === undefined || found.storedMs + WINDOW_MS < nowMs) return undefined;
    return { physical: found.physical, bytes: found.bytes };
  }
}

/** Few ids, and lows that differ by the size of the table: they share probe runs, which are torn and mended all the time. */
const ids = fc.record({
  high: fc.constantFrom(0, 1, 2 ** 32 - 1),
  low: fc.constantFrom(0, 1, 2, 3, 13, 14, 15, 26, 27, 2 ** 32 - 1),
});

function expectSame(window: IdempotenceWindow, model: Model, nowMs: number): void {
  expect(window.count).toBe(model.sends.length);
  for (const high of [0, 1, 2 ** 32 - 1]) {
    for (const low of [0, 1, 2, 3, 13, 14, 15, 26, 27, 2 ** 32 - 1]) {
      const id = [high, low];
      expect([id, window.find(high, low, nowMs)]).toEqual([id, model.find(high, low, nowMs)]);
    }
  }
}

describe('the idempotence window', () => {
  it.each([
    ['a window that grows', 1_000_000, 20_000],
    ['a full window', 70_000, 20_000],
    ['a window that is turned over meanwhile', 70_000, 50_000],
    ['a window that loses everything meanwhile', 70_000, 200_000],
  ])(
    'is captured as it was at the beginning, in pieces of a megabyte: %s',
    (_what, capacity, more) => {
      const captured = 70_000;
      const window = new IdempotenceWindow(capacity, WINDOW_MS);
      const add = (to: IdempotenceWindow, i: number): void => to.add(i, i, i, 1, 0);
      for (let i = 0; i < captured; i++) add(window, i);
      const restored = new IdempotenceWindow(capacity, WINDOW_MS);
      let last = captured;
      let chunks = 0;
      for (const chunk of window.captureChunks()) {
        expect(chunk.length).toBeLessThan(2 ** 20);
        restored.restore(chunk);
        chunks++;
        for (let i = 0; i < more; i++) add(window, last++);
      }
      expect(chunks).toBeGreaterThan(0);
      // What came after is folded again from the log.
      for (let i = captured; i < last; i++) add(restored, i);
      const differing = [];
      for (let i = 0; i < last; i++)
        if (restored.find(i, i, 0)?.physical !== window.find(i, i, 0)?.physical) differing.push(i);
      expect(differing.slice(0, 5)).toEqual([]);
    },
  );

  it('is captured in one piece when it is empty', () => {
    const window = new IdempotenceWindow(10, WINDOW_MS);
    expect([...window.captureChunks()].map((chunk) => chunk.length)).toEqual([4]);
  });

  it('forgets what is lost, and nothing else', () => {
    const window = new IdempotenceWindow(100, WINDOW_MS);
    for (let i = 0; i < 150; i++) window.add(i, i, i, 1, 0);
    window.forget((physical) => physical % 2 === 0);
    for (let i = 50; i < 150; i++)
      expect([i, window.find(i, i, 0)?.physical]).toEqual([i, i % 2 === 0 ? undefined : i]);
    expect(window.count).toBe(50);
  });

  it('knows the newest sends, whatever their hashes, and survives capture and restore', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 7, 13),
        fc.array(fc.tuple(ids, fc.nat(300), fc.boolean()), { maxLength: 60 }),
        (capacity, story) => {
          let window = new IdempotenceWindow(capacity, WINDOW_MS);
          const model = new Model(capacity);
          let nowMs = 0;
          let physical = 2 ** 40;
          for (const [id, afterMs, isRestarted] of story) {
            nowMs += afterMs;
            physical += 1_000;
            const send = { ...id, physical, bytes: physical % 777, storedMs: nowMs };
            window.add(send.high, send.low, send.physical, send.bytes, send.storedMs);
            model.add(send);
            if (isRestarted && nowMs % 5 === 0) {
              const captured = window.capture();
              window = new IdempotenceWindow(capacity, WINDOW_MS);
              window.restore(captured);
            }
          }
          expectSame(window, model, nowMs);
          expectSame(window, model, nowMs + WINDOW_MS / 2);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('knows a send for as long as the window, to the millisecond', () => {
    const window = new IdempotenceWindow(10, WINDOW_MS);
    window.add(1, 2, 300, 40, 5_000);
    expect(window.find(1, 2, 5_000 + WINDOW_MS)).toEqual({ physical: 300, bytes: 40 });
    expect(window.find(1, 2, 5_000 + WINDOW_MS + 1)).toBeUndefined();
  });

  it('keeps everything while it grows to its bound, and the newest beyond it', () => {
    const capacity = 10_000;
    const window = new IdempotenceWindow(capacity, WINDOW_MS);
    for (let i = 0; i < 25_000; i++) {
      window.add(i, Math.imul(i, 7) >>> 0, i * 10, i, 0);
      if (i === 9_999) expect(window.find(0, 0, 0)).toEqual({ physical: 0, bytes: 0 });
    }
    expect(window.count).toBe(capacity);
    const known = (i: number): boolean => window.find(i, Math.imul(i, 7) >>> 0, 0) !== undefined;
    const numbers = Array.from({ length: 25_000 }, (_, i) => i);
    expect(numbers.filter(known)).toEqual(numbers.slice(15_000));
  });

  it('knows the newest of two sends with one hash, also once the older one has left the ring', () => {
    const window = new IdempotenceWindow(3, WINDOW_MS);
    window.add(1, 1, 100, 10, 0);
    window.add(2, 2, 200, 20, 0);
    window.add(1, 1, 300, 30, 0);
    expect(window.find(1, 1, 0)).toEqual({ physical: 300, bytes: 30 });
    window.add(3, 3, 400, 40, 0);
    expect(window.find(1, 1, 0)).toEqual({ physical: 300, bytes: 30 });
    window.add(4, 4, 500, 50, 0);
    window.add(5, 5, 600, 60, 0);
    expect(window.find(1, 1, 0)).toBeUndefined();
  });

  it('is restored into one of another size with the newest that fit', () => {
    const large = new IdempotenceWindow(8, WINDOW_MS);
    for (let i = 0; i < 8; i++) large.add(i, i, i, i, 0);
    const small = new IdempotenceWindow(3, WINDOW_MS);
    small.restore(large.capture());
    expect([4, 5, 6, 7].map((i) => small.find(i, i, 0)?.physical)).toEqual([undefined, 5, 6, 7]);
  });

  it('of size 0 knows nothing and takes everything', () => {
    const window = new IdempotenceWindow(0, WINDOW_MS);
    for (let i = 0; i < 5; i++) window.add(i, i, i, i, 0);
    expect([window.count, window.find(4, 4, 0), window.capture().length]).toEqual([
      0,
      undefined,
      4,
    ]);
  });
});
