import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { QueueProgress } from '../../../../../broker/consume/core/queue-progress.ts';

const PLACE = { groupId: 1, topicId: 2, queueId: 3, queueNo: 4 };
/** Offsets that a story is about; more than a few words of bits. */
const SPAN = 150;
const FILTERS = ['*', 'A', 'B'];

type Status = 'untouched' | 'pending' | 'ready' | 'done';

/** One word per offset: the plainest thing that a progress could be. */
class Model {
  readonly status: Status[] = Array.from({ length: 3 * SPAN }, () => 'untouched');
  cursors = new Map<string, number>();
  floor = 0;

  get committed(): number {
    const at = this.status.findIndex((status, offset) => offset >= this.floor && status !== 'done');
    return at;
  }

  finishBelow(offset: number, keeps: (status: Status) => boolean): void {
    for (let at = 0; at < offset; at++)
      if (!keeps(this.status[at] ?? 'done')) this.status[at] = 'done';
  }

  reset(offset: number): void {
    this.status.fill('untouched');
    this.status.fill('done', 0, offset);
    this.cursors.clear();
    this.floor = offset;
  }

  offsets(...wanted: Status[]): number[] {
    return this.status.flatMap((status, offset) => (wanted.includes(status) ? [offset] : []));
  }
}

interface Pair {
  model: Model;
  real: QueueProgress;
}

type Step = (pair: Pair) => void;

function expectSame({ model, real }: Pair): void {
  expect(real.committed).toBe(model.committed);
  const done = model.status.map((_, offset) => real.isDone(offset));
  expect(done).toEqual(model.status.map((status) => status === 'done'));
  const pending = [...real.allPending()].map(({ offset }) => offset).sort((a, b) => a - b);
  expect(pending).toEqual(model.offsets('pending', 'ready'));
  const ready = [...real.readyMessages()].map(({ offset }) => offset).sort((a, b) => a - b);
  expect(ready).toEqual(model.offsets('ready'));
  expect([real.pendingCount, real.readyCount]).toEqual([pending.length, ready.length]);
  const ahead = model.offsets('done').filter((offset) => offset >= model.committed);
  expect([real.finishedAhead, real.spread]).toEqual([
    ahead.length,
    ahead.length === 0 ? 0 : (ahead.at(-1) ?? 0) + 1 - model.committed,
  ]);
  const cursors = FILTERS.map((key) => Math.max(model.cursors.get(key) ?? 0, model.committed));
  expect(FILTERS.map((key) => real.cursor(key))).toEqual(cursors);
  expect(real.position).toBe(Math.max(model.committed, ...model.cursors.values()));
}

const offset = fc.nat(SPAN);
const steps: fc.Arbitrary<Step>[] = [
  offset.map((at) => ({ model, real }) => {
    const before = real.pending(at);
    expect(real.finish(at)).toBe(before);
    model.status[at] = 'done';
  }),
  offset.map((at) => ({ model, real }) => {
    if (real.isDone(at)) return;
    expect(real.begin(at)).toBe(real.pending(at));
    expect(real.pending(at)?.state).toBe('in-flight');
    model.status[at] = 'pending';
  }),
  offset.map((at) => ({ model, real }) => {
    const pending = real.pending(at);
    if (pending === undefined) return;
    real.makeReady(pending);
    expect(pending).toMatchObject({ state: 'ready', clientId: '', renewUntilMs: 0 });
    model.status[at] = 'ready';
  }),
  offset.map((at) => ({ model, real }) => {
    const pending = real.pending(at);
    if (pending === undefined) return;
    real.withdraw(pending, 'settling');
    model.status[at] = 'pending';
  }),
  offset.map((at) => ({ model, real }) => {
    const dropped = real.finishBelow(at).map((pending) => pending.offset);
    const expected = model.offsets('pending', 'ready').filter((one) => one < at);
    expect(dropped.sort((a, b) => a - b)).toEqual(expected);
    model.finishBelow(at, () => false);
  }),
  offset.map((at) => ({ model, real }) => {
    real.expireBelow(at);
    model.finishBelow(at, (status) => status === 'pending' || status === 'ready');
  }),
  fc.tuple(fc.constantFrom(...FILTERS), offset).map(([key, at]) => ({ model, real }) => {
    const to = Math.max(at, real.cursor(key));
    real.moveCursor(key, to);
    model.cursors.set(key, to);
  }),
  fc.constant(({ model, real }) => {
    real.rewindCursors();
    model.cursors.clear();
  }),
  fc.constant((pair) => {
    pair.real = restored(pair.real);
    pair.model.cursors.clear();
    for (const at of pair.model.offsets('ready')) pair.model.status[at] = 'pending';
  }),
  offset.map((at) => ({ model, real }) => {
    const pending = model.offsets('pending', 'ready');
    expect(
      real
        .reset(at)
        .map((one) => one.offset)
        .sort((a, b) => a - b),
    ).toEqual(pending);
    expect(real.recorded).toBe(at);
    model.reset(at);
  }),
];

/** What a snapshot keeps of it: committed, the bits above, and the pending ones. */
function restored(progress: QueueProgress): QueueProgress {
  const copy = new QueueProgress(PLACE, progress.committed);
  const done = progress.captureDone();
  if (done !== undefined) copy.restoreDone(done);
  for (const { offset: at } of progress.allPending()) copy.begin(at);
  return copy;
}

describe('where a group stands on a queue', () => {
  it('is for every offset one of done, pending or untouched, through whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...steps), { maxLength: 80 }), (story) => {
        const pair = { model: new Model(), real: new QueueProgress(PLACE, 0) };
        for (const step of story) {
          step(pair);
          expectSame(pair);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('moves on over everything that was finished out of order at once', () => {
    const progress = new QueueProgress(PLACE, 10);
    for (let at = 11; at < 2_000; at++) progress.finish(at);
    expect([progress.committed, progress.spread, progress.finishedAhead]).toEqual([
      10, 1_990, 1_989,
    ]);
    progress.finish(10);
    expect([progress.committed, progress.spread, progress.finishedAhead]).toEqual([2_000, 0, 0]);
  });

  it('keeps what is pending below the messages that have expired, and finishes the rest', () => {
    const progress = new QueueProgress(PLACE, 0);
    for (const at of [5, 40, 200]) progress.begin(at);
    progress.expireBelow(100);
    expect(progress.committed).toBe(5);
    expect([4, 5, 6, 39, 40, 41, 99, 100].map((at) => progress.isDone(at))).toEqual([
      true,
      false,
      true,
      true,
      false,
      true,
      true,
      false,
    ]);
    progress.finish(5);
    expect(progress.committed).toBe(40);
    progress.finish(40);
    expect(progress.committed).toBe(100);
  });

  it('has a cursor per filter that never stands below what is committed', () => {
    const progress = new QueueProgress(PLACE, 0);
    progress.moveCursor('A', 50);
    expect([progress.cursor('A'), progress.cursor('B'), progress.position]).toEqual([50, 0, 50]);
    progress.finishBelow(70);
    expect([progress.cursor('A'), progress.cursor('B'), progress.position]).toEqual([70, 70, 70]);
  });

  it('gives out ready messages in the order in which they became ready', () => {
    const progress = new QueueProgress(PLACE, 0);
    const [first, second, third] = [7, 3, 9].map((at) => progress.begin(at));
    for (const pending of [second!, third!, first!]) progress.makeReady(pending);
    expect([...progress.readyMessages()].map(({ offset: at }) => at)).toEqual([3, 9, 7]);
    progress.begin(9);
    expect([...progress.readyMessages()].map(({ offset: at }) => at)).toEqual([3, 7]);
  });

  it('keeps the count of ended attempts when a message is begun again', () => {
    const progress = new QueueProgress(PLACE, 0);
    const pending = progress.begin(1);
    pending.ended = 3;
    progress.makeReady(pending);
    expect(progress.begin(1)).toMatchObject({ ended: 3, state: 'in-flight' });
  });

  it('refuses to begin what is finished', () => {
    const progress = new QueueProgress(PLACE, 5);
    progress.finish(9);
    for (const at of [4, 9]) expect(() => progress.begin(at)).toThrow('is finished');
  });
});
