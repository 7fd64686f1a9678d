import { describe, expect, it } from '@jest/globals';
import { growQueues, GroupTable, type Group } from '../../../../broker/state/group-table.ts';
import { TopicTable } from '../../../../broker/state/topic-table.ts';
import { defaultConsumerGroup } from '../../../../common/model/consumer-group.ts';
import { required, topicConfig } from './state-kit.ts';

function tableWith(name: string): { table: GroupTable; group: Group } {
  const table = new GroupTable();
  table.apply(table.planCreate(defaultConsumerGroup(name)), 10);
  return { table, group: required(table.get(name)) };
}

const keys = (group: Group): string[] => [...(group.filters.get('t')?.keys() ?? [])];

describe('the group table', () => {
  it('never gives an id twice, also not after the group has gone or the table was restored', () => {
    const { table, group } = tableWith('g');
    table.apply({ groupId: group.id, config: group.config, deleted: true }, 20);
    expect([table.get('g'), table.byId(group.id), table.count]).toEqual([undefined, undefined, 0]);
    expect(table.planCreate(defaultConsumerGroup('g')).groupId).toBe(group.id + 1);
    const restored = new GroupTable();
    restored.reserveBelow(table.nextId);
    expect(restored.planCreate(defaultConsumerGroup('g')).groupId).toBe(group.id + 2);
  });

  it('changes a group in place, and ignores what it contains already or what has ended', () => {
    const { table, group } = tableWith('g');
    const paused = { ...group.config, paused: true };
    expect(table.apply({ groupId: group.id, config: paused }, 5)).toBeUndefined();
    expect(group.config.paused).toBe(false);
    expect(table.apply({ groupId: group.id, config: paused }, 10)).toBe(group);
    expect(group.config.paused).toBe(true);
    table.apply({ groupId: group.id, config: paused, deleted: true }, 20);
    expect(table.apply({ groupId: group.id, config: paused }, 30)).toBeUndefined();
    expect(table.get('g')).toBeUndefined();
  });

  it('knows the filters in use per topic, each once, until they are dropped', () => {
    const { table, group } = tableWith('g');
    const about = { groupId: group.id, topic: 't' };
    for (const filterKey of ['A || B', '*', 'B||A'])
      table.applySubscription({ ...about, filterKey }, 20);
    expect(keys(group)).toEqual(['A || B', '*']);
    table.applySubscription({ ...about, filterKey: '*', dropped: true }, 21);
    expect(keys(group)).toEqual(['A || B']);
    table.applySubscription({ ...about, filterKey: 'A || B', dropped: true }, 22);
    expect(group.filters.has('t')).toBe(false);
  });

  it('takes no subscription of a group that is not there, too old, or not an expression', () => {
    const { table, group } = tableWith('g');
    const about = { groupId: group.id, topic: 't' };
    expect(table.applySubscription({ ...about, groupId: 99, filterKey: 'A' }, 20)).toBeUndefined();
    expect(table.applySubscription({ ...about, filterKey: 'A' }, 9)).toBeUndefined();
    expect(table.applySubscription({ ...about, filterKey: 'A |' }, 20)).toBeUndefined();
    expect(group.filters.size).toBe(0);
  });

  it('lets a standing grow with its topic: new queues from their beginning, old ones where they are', () => {
    const { group } = tableWith('g');
    const topics = new TopicTable();
    topics.apply(topics.planCreate(topicConfig('t', 1)), 0);
    const topic = required(topics.get('t'));
    const standing = { group, topic, queues: [] };
    growQueues(standing);
    const queues = standing.queues as { committed: number; queueId: number; queueNo: number }[];
    required(queues[0]).committed = 7;
    topics.apply(topics.planUpdate(topic, topicConfig('t', 3)), 1);
    growQueues(standing);
    growQueues(standing);
    expect(queues).toMatchObject([
      { queueId: 0, queueNo: 0, committed: 7 },
      { queueId: 1, queueNo: 1, committed: 0 },
      { queueId: 2, queueNo: 2, committed: 0 },
    ]);
  });
});
