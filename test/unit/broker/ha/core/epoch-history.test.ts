import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EpochHistory } from '../../../../../broker/ha/core/epoch-history.ts';
import type { EpochStart } from '../../../../../common/model/broker-group.ts';
import { epoch } from '../../../../../common/model/offsets.ts';

const starts = (...pairs: [number, number][]): EpochStart[] =>
  pairs.map(([term, startOffset]) => ({ epoch: epoch(term), startOffset }));

/** A log of records of one byte: which epoch wrote it, and which of that epoch's records it is. */
type ModelLog = { readonly epoch: number; readonly name: string }[];

function historyOf(log: ModelLog): EpochHistory {
  const history = new EpochHistory();
  log.forEach((record, offset) => {
    if (record.epoch !== history.lastEpoch) history.begin(record.epoch, offset);
  });
  return history;
}

function modelCommon(a: ModelLog, b: ModelLog): number {
  let at = 0;
  while (at < a.length && at < b.length && a[at]?.name === b[at]?.name) at += 1;
  return at;
}

interface Step {
  readonly master: number;
  readonly appends: number;
  /** How many of the appended records each member gets. */
  readonly copied: readonly number[];
}

const MEMBERS = 3;
const stories = fc.array(
  fc.record({
    master: fc.nat(MEMBERS - 1),
    appends: fc.nat(5),
    copied: fc.array(fc.nat(6), { minLength: MEMBERS, maxLength: MEMBERS }),
  }),
  { maxLength: 8 },
);

/** Each term has a master whose log the others copy, as far as they get; even a master that lacks much is elected. */
function play(story: readonly Step[]): ModelLog[] {
  const logs: ModelLog[] = Array.from({ length: MEMBERS }, () => []);
  story.forEach((step, index) => {
    const own = logs[step.master] ?? [];
    for (let n = 0; n < step.appends; n += 1)
      own.push({ epoch: index + 1, name: `${index + 1}/${n}` });
    logs.forEach((log, member) => {
      if (member === step.master) return;
      const copied = step.copied[member] ?? 0;
      if (copied === 0) return;
      const common = modelCommon(log, own);
      log.splice(common, Infinity, ...own.slice(common, common + copied - 1));
    });
  });
  return logs;
}

describe('the common offset of two logs', () => {
  it('is what comparing them record by record gives, whatever forks there were', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const logs = play(story);
        for (const a of logs)
          for (const b of logs) {
            const common = historyOf(a).commonOffset(a.length, historyOf(b).starts, b.length);
            expect(common).toBe(modelCommon(a, b));
          }
      }),
      { numRuns: 500 },
    );
  });

  it('is never beyond what is equal when the fronts of logs are cut and epochs forgotten', () => {
    fc.assert(
      fc.property(stories, fc.nat(4), fc.nat(4), (story, cutA, cutB) => {
        const [a, b] = play(story) as [ModelLog, ModelLog, ModelLog];
        const historyA = new EpochHistory(historyOf(a).starts.slice(cutA));
        const common = historyA.commonOffset(a.length, historyOf(b).starts.slice(cutB), b.length);
        if (common !== undefined) expect(common).toBeLessThanOrEqual(modelCommon(a, b));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['one is a prefix of the other', starts([1, 0]), 100, starts([1, 0]), 80, 80],
    [
      'the old master wrote more in its last term',
      starts([1, 0]),
      150,
      starts([1, 0], [2, 90]),
      200,
      90,
    ],
    ['they parted two terms ago', starts([1, 0], [2, 50]), 70, starts([1, 0], [3, 60]), 99, 50],
    ['the same term began elsewhere', starts([4, 10]), 70, starts([4, 20]), 99, undefined],
    ['no term is shared, and both are whole', starts([1, 0]), 70, starts([2, 0]), 99, 0],
    ['no term is shared, and one is cut', starts([1, 0]), 70, starts([2, 40]), 99, undefined],
    ['one is empty', starts([5, 500]), 700, [], 0, 0],
  ] as const)('%s', (...row) => {
    const [, own, ownEnd, theirs, theirEnd, common] = row;
    expect(new EpochHistory(own).commonOffset(ownEnd, theirs, theirEnd)).toBe(common);
  });
});

describe('an epoch history', () => {
  it('knows the epoch of each offset and where it ends', () => {
    const history = new EpochHistory(starts([1, 10], [3, 40]));
    expect([5, 10, 39, 40, 90].map((at) => history.epochAt(at))).toEqual([0, 1, 1, 3, 3]);
    expect(history.endOfEpochAt(5, 100)).toBe(10);
    expect(history.endOfEpochAt(10, 100)).toBe(40);
    expect(history.endOfEpochAt(10, 30)).toBe(30);
    expect(history.endOfEpochAt(40, 100)).toBe(100);
  });

  it('lets an epoch without record give way to the next one', () => {
    const history = new EpochHistory(starts([1, 0]));
    history.begin(2, 50);
    history.begin(4, 50);
    expect(history.starts).toEqual(starts([1, 0], [4, 50]));
    expect(history.lastEpoch).toBe(4);
  });

  it('refuses an epoch that does not rise', () => {
    const history = new EpochHistory(starts([3, 10]));
    expect(() => history.begin(3, 20)).toThrow();
    expect(() => history.begin(2, 20)).toThrow();
    expect(() => history.begin(4, 5)).toThrow();
    expect(() => new EpochHistory(starts([2, 0], [1, 5]))).toThrow();
  });

  it('forgets what is truncated, and the oldest of very many', () => {
    const history = new EpochHistory(starts([1, 0], [2, 50], [3, 60]));
    history.truncateTo(60);
    expect(history.starts).toEqual(starts([1, 0], [2, 50]));
    for (let term = 3; term < 2_000; term += 1) history.begin(term, term * 100);
    expect(history.starts.length).toBe(1_024);
    expect(history.epochAt(0)).toBe(0);
  });
});
