import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OffsetSet } from '../../../../../broker/consume/core/offset-set.ts';

/** Wide enough for several growths and several words given back. */
const SPAN = 700;

type Step =
  | { do: 'add'; at: number }
  | { do: 'range'; at: number; length: number }
  | { do: 'drop'; by: number }
  | { do: 'restore' };

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ do: fc.constant('add' as const), at: fc.nat(SPAN) }),
    fc.record({ do: fc.constant('range' as const), at: fc.nat(SPAN), length: fc.nat(150) }),
    fc.record({ do: fc.constant('drop' as const), by: fc.nat(200) }),
    fc.record({ do: fc.constant('restore' as const) }),
  ),
  { maxLength: 30 },
);

/** What `firstMissing` says, the slow way. */
function firstMissing(model: ReadonlySet<number>, from: number): number {
  let at = from;
  while (model.has(at)) at++;
  return at;
}

/** A copy through its own capture, with the floor where it was. */
function copyOf(set: OffsetSet, floor: number): OffsetSet {
  const copy = OffsetSet.restore(set.capture());
  copy.dropBelow(floor);
  return copy;
}

describe('a set of offsets', () => {
  it('is a set: of single offsets and ranges, above a floor that rises, through capture and restore', () => {
    fc.assert(
      fc.property(fc.nat(100_000), steps, (start, story) => {
        let set = new OffsetSet(start);
        let floor = start;
        const model = new Set<number>();
        for (const step of story) {
          if (step.do === 'add') {
            set.add(floor + step.at);
            model.add(floor + step.at);
          } else if (step.do === 'range') {
            const from = floor + step.at;
            set.addRange(from, from + step.length);
            for (let i = 0; i < step.length; i++) model.add(from + i);
          } else if (step.do === 'drop') {
            floor += step.by;
            set.dropBelow(floor);
            for (const offset of model) if (offset < floor) model.delete(offset);
          } else {
            set = copyOf(set, floor);
          }
          expect(set.count).toBe(model.size);
          if (model.size > 0) expect(set.end).toBe(Math.max(...model) + 1);
        }
        const end = floor + SPAN + 200;
        const offsets = Array.from({ length: end - floor }, (_, i) => floor + i);
        expect(offsets.filter((offset) => set.has(offset))).toEqual(
          offsets.filter((offset) => model.has(offset)),
        );
        for (let from = floor; from < end; from += 13)
          expect([from, set.firstMissing(from)]).toEqual([from, firstMissing(model, from)]);
      }),
      { numRuns: 300 },
    );
  });

  it('finds the first missing offset behind any run of whole words, wherever it starts', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.nat(400),
        fc.nat(400),
        fc.nat(400),
        (floor, gap, run, inside) => {
          const set = new OffsetSet(floor);
          const start = floor + gap;
          set.addRange(start, start + run);
          const from = start + Math.min(inside, run);
          expect(set.firstMissing(from)).toBe(start + run);
          if (gap > 0) expect(set.firstMissing(floor)).toBe(floor);
        },
      ),
    );
  });

  it('has offsets beyond 32 bits', () => {
    const floor = 2 ** 45 + 17;
    const set = new OffsetSet(floor);
    set.addRange(floor + 1, floor + 100);
    expect([set.has(floor), set.has(floor + 1), set.has(floor + 99)]).toEqual([false, true, true]);
    expect(set.firstMissing(floor + 1)).toBe(floor + 100);
    const copy = copyOf(set, floor + 50);
    expect([copy.count, copy.end, copy.has(floor + 64)]).toEqual([50, floor + 100, true]);
  });

  it('gives its memory back as the floor rises', () => {
    const set = new OffsetSet(0);
    for (let floor = 0; floor < 1_000_000; floor += 1_000) {
      set.addRange(floor + 1, floor + 2_000);
      set.dropBelow(floor + 1_000);
    }
    expect(set.capture().words.length).toBeLessThan(200);
  });
});
