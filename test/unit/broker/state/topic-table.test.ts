import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TopicChange } from '../../../../broker/state/payload/change-record.ts';
import { TopicTable } from '../../../../broker/state/topic-table.ts';
import { required, topicConfig } from './state-kit.ts';

describe('the topic table', () => {
  it('never gives a topic id or a queue number twice, whatever is created, grown and deleted', () => {
    const step = fc.record({
      what: fc.constantFrom('create', 'grow', 'delete', 'restart'),
      name: fc.constantFrom('a', 'b', 'c'),
      queues: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (story) => {
        let table = new TopicTable();
        const ids = new Set<number>();
        const owners = new Map<number, number>();
        const changes: TopicChange[] = [];
        const apply = (change: TopicChange): void => {
          changes.push(change);
          table.apply(change, changes.length);
        };
        for (const { what, name, queues } of story) {
          const topic = table.get(name);
          if (what === 'restart') {
            table = new TopicTable();
            changes.forEach((change, offset) => table.apply(change, offset + 1));
          } else if (topic === undefined) {
            const change = table.planCreate(topicConfig(name, queues));
            expect(ids.has(change.topicId)).toBe(false);
            ids.add(change.topicId);
            apply(change);
          } else if (what === 'delete') {
            apply(table.planDelete(topic));
            expect([table.get(name), table.byId(topic.id)]).toEqual([undefined, undefined]);
          } else {
            const count = topic.queueNos.length + queues - 1;
            apply(table.planUpdate(topic, topicConfig(name, count)));
            expect(topic.queueNos).toHaveLength(count);
            expect(topic.nextOffsets).toHaveLength(count);
          }
          for (const { id, queueNos } of table.all()) {
            for (const queueNo of queueNos) {
              expect(owners.get(queueNo) ?? id).toBe(id);
              owners.set(queueNo, id);
            }
          }
        }
      }),
    );
  });

  it('plans several creations at once with different numbers', () => {
    const table = new TopicTable();
    const first = table.planCreate(topicConfig('a', 3));
    const second = table.planCreate(topicConfig('b', 2));
    expect([first.topicId, second.topicId]).toEqual([1, 2]);
    expect([first.queueNos, second.queueNos]).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
  });

  it('keeps the old numbers of the queues of a topic that grows, and never shrinks one', () => {
    const table = new TopicTable();
    table.apply(table.planCreate(topicConfig('a', 2)), 0);
    table.apply(table.planCreate(topicConfig('b', 1)), 1);
    const topic = required(table.get('a'));
    topic.nextOffsets[1] = 9;
    table.apply(table.planUpdate(topic, topicConfig('a', 4)), 2);
    expect([topic.queueNos, topic.nextOffsets]).toEqual([
      [0, 1, 3, 4],
      [0, 9, 0, 0],
    ]);
    table.apply(table.planUpdate(topic, topicConfig('a', 1)), 3);
    expect(topic.queueNos).toEqual([0, 1, 3, 4]);
  });

  it('ignores what it contains already, and what comes after the end of a topic', () => {
    const table = new TopicTable();
    const created = table.planCreate(topicConfig('a', 1));
    table.apply(created, 100);
    const topic = required(table.get('a'));
    const grown = table.planUpdate(topic, topicConfig('a', 3));
    table.apply(grown, 50);
    expect(topic.queueNos).toHaveLength(1);
    table.apply(table.planDelete(topic), 200);
    expect(table.apply(grown, 300)).toBeUndefined();
    expect([table.count, table.get('a')]).toEqual([0, undefined]);
    expect(table.next).toEqual({ topicId: 2, queueNo: 3 });
  });

  it('leaves a new topic of the same name alone when the old one ends', () => {
    const table = new TopicTable();
    table.apply(table.planCreate(topicConfig('a')), 0);
    const old = required(table.get('a'));
    table.apply(table.planCreate(topicConfig('a')), 1);
    table.apply(table.planDelete(old), 2);
    expect(table.get('a')?.id).toBe(2);
  });
});
