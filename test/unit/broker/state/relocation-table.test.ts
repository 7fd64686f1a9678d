import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RelocationTable } from '../../../../broker/state/relocation-table.ts';

type Step =
  | { do: 'set' | 'delete'; queueNo: number; offset: number; physical: number }
  | { do: 'removeQueue'; queueNo: number };

const queueNo = fc.nat(3);
const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({
      do: fc.constantFrom('set' as const, 'delete' as const),
      queueNo,
      offset: fc.nat(5),
      physical: fc.nat(2 ** 48 - 1),
    }),
    fc.record({ do: fc.constant('removeQueue' as const), queueNo }),
  ),
);

describe('the relocation table', () => {
  it('says where each message was copied to last, and counts them', () => {
    fc.assert(
      fc.property(steps, (story) => {
        const table = new RelocationTable();
        const model = new Map<string, object>();
        for (const step of story) {
          if (step.do === 'removeQueue') {
            table.removeQueue(step.queueNo);
            for (const key of model.keys())
              if (key.startsWith(`${step.queueNo}/`)) model.delete(key);
          } else if (step.do === 'set') {
            const place = { physical: step.physical, bytes: 10, tagHash: 7 };
            table.set(step.queueNo, step.offset, place);
            model.set(`${step.queueNo}/${step.offset}`, place);
          } else {
            table.delete(step.queueNo, step.offset);
            model.delete(`${step.queueNo}/${step.offset}`);
          }
          expect(table.count).toBe(model.size);
        }
        for (let queue = 0; queue < 4; queue++) {
          for (let offset = 0; offset < 6; offset++)
            expect(table.get(queue, offset)).toEqual(model.get(`${queue}/${offset}`));
        }
        const all = [...table.all()].map(
          ({ queueNo: queue, offset, ...place }): [string, object] => [`${queue}/${offset}`, place],
        );
        expect(new Map(all)).toEqual(model);
        expect(all).toHaveLength(model.size);
      }),
    );
  });
});
