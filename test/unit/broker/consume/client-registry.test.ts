import { describe, expect, it } from '@jest/globals';
import { ClientRegistry } from '../../../../broker/consume/client-registry.ts';
import { parseTagFilter, type TagFilter } from '../../../../broker/consume/core/tag-filter.ts';
import { tagHash } from '../../../../broker/state/hash.ts';
import { ManualTime } from '../../../support/manual-time.ts';

const EXPIRY_MS = 30_000;

function filterOf(expression: string): TagFilter {
  const filter = parseTagFilter(expression, tagHash);
  if ('refused' in filter) throw new Error(filter.refused);
  return filter;
}

function registry(): {
  time: ManualTime;
  clients: ClientRegistry;
  announce: (clientId: string, subscriptions: Record<string, string>, group?: string) => void;
} {
  const time = new ManualTime();
  const clients = new ClientRegistry(time, EXPIRY_MS);
  const announce = (clientId: string, subscriptions: Record<string, string>, group = 'g'): void => {
    const filters = new Map(
      Object.entries(subscriptions).map(([topic, expression]) => [topic, filterOf(expression)]),
    );
    const about = { clientType: 'PUSH_CONSUMER', language: 'GO', version: '5', peer: 'p:1' };
    clients.addConsumer({ clientId, group, filters, ...about });
  };
  return { time, clients, announce };
}

describe('a client', () => {
  it('is silent once nothing has been heard of it for longer than the expiry', () => {
    const { time, clients, announce } = registry();
    announce('c', { t: '*' });
    clients.addProducer({ clientId: 'p', language: 'GO', version: '5' });
    time.advance(EXPIRY_MS);
    expect(clients.silent()).toEqual([]);
    time.advance(1);
    expect(clients.silent().sort()).toEqual(['c', 'p']);
  });

  it('is not silent after a sign of life or another announcement', () => {
    const { time, clients, announce } = registry();
    announce('touched', {});
    announce('again', {});
    announce('quiet', {});
    clients.addProducer({ clientId: 'p', language: 'GO', version: '5' });
    time.advance(EXPIRY_MS - 1);
    for (const id of ['touched', 'p', 'nobody']) clients.touch(id);
    announce('again', {});
    time.advance(1_000);
    expect(clients.silent()).toEqual(['quiet']);
    expect(clients.consumer('touched')).toMatchObject({
      lastSeenMs: EXPIRY_MS - 1,
      lastSeenWallMs: time.nowMs() - 1_000,
    });
  });

  it('is alive from its announcement to its removal, which can be said only once', () => {
    const { clients, announce } = registry();
    expect(clients.isAlive('c')).toBe(false);
    announce('c', {});
    expect(clients.isAlive('c')).toBe(true);
    expect([clients.remove('c'), clients.remove('c')]).toEqual([true, false]);
    expect(clients.isAlive('c')).toBe(false);
    expect([...clients.groupNames()]).toEqual([]);
    clients.addProducer({ clientId: 'p', language: 'GO', version: '5' });
    expect(clients.remove('p')).toBe(false);
    expect([...clients.producers()]).toEqual([]);
  });

  it('that announces itself in another group leaves the first', () => {
    const { clients, announce } = registry();
    announce('c', {}, 'g1');
    announce('d', {}, 'g1');
    announce('c', {}, 'g2');
    const members = (group: string): string[] =>
      [...clients.members(group)].map(({ clientId }) => clientId);
    expect([members('g1'), members('g2')]).toEqual([['d'], ['c']]);
    announce('d', {}, 'g2');
    expect([...clients.groupNames()]).toEqual(['g2']);
  });
});

describe('a conflict in a group', () => {
  it('appears when members subscribe to a topic differently, and names who does what', () => {
    const { clients, announce } = registry();
    announce('c2', { t: 'A || B', u: '*' });
    announce('c1', { t: 'B||A', u: '*' });
    expect(clients.conflicts('g')).toEqual([]);
    announce('c3', { t: 'A', u: '*' });
    expect(clients.conflicts('g')).toEqual([
      {
        topic: 't',
        variants: [
          { filterKey: 'A', clientIds: ['c3'] },
          { filterKey: 'A || B', clientIds: ['c1', 'c2'] },
        ],
      },
    ]);
  });

  it('is also a member that does not subscribe to the topic at all', () => {
    const { clients, announce } = registry();
    announce('c1', { t: '*' });
    announce('c2', { u: '*' });
    expect(clients.conflicts('g')).toMatchObject([
      { topic: 't', variants: [{ filterKey: '*' }, { filterKey: undefined, clientIds: ['c2'] }] },
      { topic: 'u' },
    ]);
  });

  it('is gone when the member that differs has gone or subscribes alike', () => {
    const { clients, announce } = registry();
    announce('c1', { t: '*' });
    announce('c2', { t: 'A' });
    announce('c3', { t: 'B' });
    expect(clients.conflicts('g')).toHaveLength(1);
    clients.remove('c3');
    expect(clients.conflicts('g')).toHaveLength(1);
    announce('c2', { t: '*' });
    expect(clients.conflicts('g')).toEqual([]);
  });

  it('is not one between groups', () => {
    const { clients, announce } = registry();
    announce('c1', { t: '*' }, 'g1');
    announce('c2', { t: 'A' }, 'g2');
    expect([clients.conflicts('g1'), clients.conflicts('g2')]).toEqual([[], []]);
  });

  it('reads the same whoever has announced itself last', () => {
    const { clients, announce } = registry();
    announce('c1', { t: 'A' });
    announce('c2', { t: 'B' });
    const before = clients.conflicts('g');
    announce('c1', { t: 'A' });
    expect(clients.conflicts('g')).toEqual(before);
  });
});
