import { describe, expect, it } from '@jest/globals';
import { ChangeJournal } from '../../../../../broker/registration/core/change-journal.ts';
import { DeltaTransfer } from '../../../../../broker/registration/core/delta-transfer.ts';
import { reconnectDelayMs } from '../../../../../broker/registration/core/reconnect-delay.ts';
import { defaultConsumerGroup } from '../../../../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../../../../common/model/topic.ts';

const topic = (name: string): TopicConfig => ({
  name,
  type: 'NORMAL',
  queueCount: 1,
  permission: 'READ_WRITE',
  retentionMs: undefined,
});
const source = {
  topic: (name: string) => (name.startsWith('gone') ? undefined : topic(name)),
  group: (name: string) => (name.startsWith('gone') ? undefined : defaultConsumerGroup(name)),
};
const sizes = { topic: () => 10, group: () => 10, name: () => 5 };

describe('DeltaTransfer', () => {
  it('is cut into deltas of a bounded size, of which only the last is complete', () => {
    const names = { topics: ['a', 'b', 'gone-c', 'd'], groups: ['e', 'gone-f'] };
    const transfer = new DeltaTransfer({ base: 3, target: 9 }, names, source, sizes, 20);
    const deltas = [transfer.next(), transfer.next(), transfer.next()];
    expect(deltas.map(({ isComplete }) => isComplete)).toEqual([false, false, true]);
    expect(deltas.every(({ baseVersion, version }) => baseVersion === 3 && version === 9)).toBe(
      true,
    );
    expect(deltas.flatMap(({ topics }) => topics.map(({ name }) => name))).toEqual(['a', 'b', 'd']);
    expect(deltas.flatMap(({ removedTopics }) => removedTopics)).toEqual(['gone-c']);
    expect(deltas.flatMap(({ groups }) => groups.map(({ name }) => name))).toEqual(['e']);
    expect(deltas.flatMap(({ removedGroups }) => removedGroups)).toEqual(['gone-f']);
  });

  it('is one complete delta when there is nothing to tell', () => {
    const transfer = new DeltaTransfer(
      { base: 0, target: 1 },
      { topics: [], groups: [] },
      source,
      sizes,
    );
    expect(transfer.next()).toMatchObject({ isComplete: true, topics: [], version: 1 });
  });
});

describe('ChangeJournal', () => {
  it('names each thing once that has changed since a version', () => {
    const journal = new ChangeJournal();
    const before = journal.version;
    journal.add('topic', 'a');
    journal.add('group', 'a');
    journal.add('topic', 'a');
    expect(journal.since(before)).toEqual({ topics: new Set(['a']), groups: new Set(['a']) });
    expect(journal.since(journal.version)).toEqual({ topics: new Set(), groups: new Set() });
  });

  it('does not know what it never had or no longer keeps', () => {
    const journal = new ChangeJournal(2);
    expect(journal.since(0)).toBeUndefined();
    expect(journal.since(journal.version + 1)).toBeUndefined();
    const first = journal.version;
    for (let i = 0; i < 100; i++) journal.add('topic', `t${i}`);
    expect(journal.version).toBe(first + 100);
    expect(journal.since(first)).toBeUndefined();
    expect(journal.since(journal.version - 2)?.topics).toEqual(new Set(['t98', 't99']));
  });
});

describe('reconnectDelayMs', () => {
  it('grows to two seconds and is spread over its upper half', () => {
    const bounds = (failures: number) => [
      reconnectDelayMs(failures, 0),
      reconnectDelayMs(failures, 2 ** 32 - 1),
    ];
    expect(bounds(0).map(Math.round)).toEqual([50, 100]);
    expect(bounds(1_000).map(Math.round)).toEqual([1_000, 2_000]);
  });
});
