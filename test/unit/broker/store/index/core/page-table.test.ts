import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PageTable } from '../../../../../../broker/store/index/core/page-table.ts';

const QUEUES = 6;

interface Ref {
  offset: number;
  physical: number;
  location: number;
}

const operation = fc.record({
  kind: fc.constantFrom('push', 'push', 'push', 'drop', 'clear'),
  queueNo: fc.nat(QUEUES - 1),
  // Now and then long enough for a block of its own (4096 references).
  count: fc.oneof(fc.nat(5), fc.nat(300), fc.constant(5000)),
});

describe('PageTable', () => {
  it('equals one array per queue, whatever is pushed and dropped', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const table = new PageTable();
        table.resize(QUEUES);
        const model: Ref[][] = Array.from({ length: QUEUES }, () => []);
        let next = 0;
        for (const { kind, queueNo, count } of operations) {
          const refs = model[queueNo]!;
          if (kind === 'push') {
            for (let i = 0; i < count; i++) {
              next++;
              const ref = { offset: next * 3, physical: next * 5, location: next * 2 ** 33 };
              table.push(queueNo, ref.offset, ref.physical, ref.location);
              refs.push(ref);
            }
          } else {
            const dropped = kind === 'clear' ? refs.length : Math.min(count, refs.length);
            table.dropFirst(queueNo, dropped);
            refs.splice(0, dropped);
          }
        }
        for (const [queueNo, refs] of model.entries()) {
          const found = refs.map((_, i) => ({
            offset: table.firstOffset(queueNo, i),
            physical: table.firstPhysical(queueNo, i),
            location: table.location(queueNo, i),
          }));
          expect(table.count(queueNo)).toBe(refs.length);
          expect(found).toEqual(refs);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('finds the page that holds an offset', () => {
    const table = new PageTable();
    table.resize(1);
    for (let i = 0; i < 100; i++) table.push(0, 50 + i * 10, 1000 + i * 7, i);
    expect(table.findByOffset(0, 49)).toBe(-1);
    expect(table.findByOffset(0, 50)).toBe(0);
    expect(table.findByOffset(0, 69)).toBe(1);
    expect(table.findByOffset(0, 5000)).toBe(99);
    expect(table.findByPhysical(0, 1013)).toBe(1);
    expect(table.findByPhysical(0, 1014)).toBe(2);
  });

  it('uses the memory of dropped lists again', () => {
    const table = new PageTable();
    table.resize(QUEUES);
    const cycle = (): void => {
      for (let queueNo = 0; queueNo < QUEUES; queueNo++) {
        for (let i = 0; i < 6000; i++) table.push(queueNo, i, i, i);
      }
      for (let queueNo = 0; queueNo < QUEUES; queueNo++) table.clear(queueNo);
    };
    cycle();
    const first = table.allocatedBytes;
    for (let i = 0; i < 10; i++) cycle();
    expect(table.allocatedBytes).toBe(first);
  });

  it('does not grow for a list that slides', () => {
    const table = new PageTable();
    table.resize(1);
    for (let i = 0; i < 64; i++) table.push(0, i, i, i);
    const before = table.allocatedBytes;
    for (let i = 64; i < 100_000; i++) {
      table.dropFirst(0, 1);
      table.push(0, i, i, i);
    }
    expect(table.allocatedBytes - before).toBeLessThanOrEqual(128 * 24);
    expect(table.firstOffset(0, 0)).toBe(100_000 - 64);
  });
});
