import { describe, expect, it } from '@jest/globals';
import type { SimNode } from '../../../simulation/sim-node.ts';
import { simulate, type World } from '../../../simulation/world.ts';
import { BrokerKit } from '../../../support/broker-kit.ts';

const FORGET_MS = 15 * 60_000;

interface Stage {
  world: World;
  node: SimNode;
  kit: BrokerKit;
}

const withBroker = (body: (stage: Stage) => Promise<void>) => (): Promise<void> =>
  simulate(1, async (world) => {
    const node = world.addNode('b');
    const kit = await BrokerKit.open(node.environment, { clientExpiryMs: 24 * 3_600_000 });
    await kit.createTopic('t');
    await kit.createGroup('g');
    await body({ world, node, kit });
  });

const conflictLines = (kit: BrokerKit): string[] =>
  kit.logger.lines
    .filter(({ message }) => message.includes('subscribe'))
    .map(({ level, fields }) => [level, fields['subscriptions']].join(' ').trim());

const filters = (kit: BrokerKit): string[] => [
  ...(kit.services.state.groups.get('g')?.filters.get('t')?.keys() ?? []),
];

/** The sweep runs once a minute. */
const passes = async (world: World, ms: number): Promise<void> => world.sleep(ms + 61_000);

describe('members of a group that subscribe differently', () => {
  it(
    'are reported once, however often they announce themselves, and once more when they agree again',
    withBroker(async ({ kit }) => {
      await kit.register('a', 'g', { t: 'A' });
      expect(conflictLines(kit)).toEqual([]);
      for (let i = 0; i < 3; i++) {
        await kit.register('b', 'g', { t: 'B' });
        await kit.register('a', 'g', { t: 'A' });
      }
      expect(conflictLines(kit)).toEqual(['warn t: A | B']);
      expect(kit.services.subscriptions.inconsistentGroups).toBe(1);
      await kit.register('a', 'g', { t: 'B' });
      await kit.register('b', 'g', { t: 'B' });
      expect(conflictLines(kit)).toEqual(['warn t: A | B', 'info']);
      expect(kit.services.subscriptions.inconsistentGroups).toBe(0);
    }),
  );

  it(
    'are reported anew when they differ in another way, and are done with when one of them goes',
    withBroker(async ({ kit }) => {
      await kit.register('a', 'g', { t: 'A' });
      await kit.register('b', 'g', { t: 'B' });
      await kit.register('b', 'g', { u: '*' });
      expect(conflictLines(kit)).toEqual([
        'warn t: A | B',
        'warn t: A | not subscribed; u: * | not subscribed',
      ]);
      await kit.access.removeClient('b');
      expect(conflictLines(kit)).toHaveLength(3);
      expect(kit.services.subscriptions.inconsistentGroups).toBe(0);
    }),
  );
});

describe('a filter of a group', () => {
  it(
    'is forgotten when no member has had it for a quarter of an hour, and holds nothing back then',
    withBroker(async ({ kit, world }) => {
      await kit.register('a', 'g', { t: 'A' });
      await kit.register('b', 'g', { t: 'B' });
      for (const [i, tag] of ['A', 'B', 'A'].entries()) await kit.sent('t', `m${i}`, { tag });
      await kit.access.removeClient('b');
      await passes(world, FORGET_MS - 120_000);
      expect(filters(kit)).toEqual(['A', 'B']);
      await passes(world, 120_000);
      expect(filters(kit)).toEqual(['A']);
      for (const { handle } of await kit.receive('g', 't', { tags: 'A' }))
        await kit.ack('g', 't', handle);
      const queue = kit.services.state.groups.get('g')?.topics.values().next().value?.queues[0];
      expect(queue?.committed).toBe(3);
    }),
  );

  it(
    'stays as long as a live member has it, although nobody receives with it',
    withBroker(async ({ kit, world }) => {
      await kit.register('a', 'g', { t: 'A' });
      await kit.register('b', 'g', { t: 'B' });
      await passes(world, 2 * FORGET_MS);
      expect(filters(kit)).toEqual(['A', 'B']);
    }),
  );

  it(
    'is not forgotten while the whole group is away: a member that comes back late loses nothing',
    withBroker(async ({ kit, world }) => {
      await kit.register('a', 'g', { t: 'A' });
      await kit.register('b', 'g', { t: 'B' });
      await kit.access.removeClient('a');
      await kit.access.removeClient('b');
      await passes(world, 4 * FORGET_MS);
      for (const [i, tag] of ['A', 'B'].entries()) await kit.sent('t', `m${i}`, { tag });
      await kit.register('a', 'g', { t: 'A' });
      expect(await kit.receive('g', 't', { tags: 'A' })).toMatchObject([{ id: 'm0' }]);
      await passes(world, 60_000);
      await kit.register('b', 'g', { t: 'B' });
      expect(await kit.receive('g', 't', { tags: 'B' })).toMatchObject([{ id: 'm1' }]);
    }),
  );

  it(
    'stays as long as somebody receives with it, member or not',
    withBroker(async ({ kit, world }) => {
      await kit.register('a', 'g', { t: 'A' });
      for (let i = 0; i < 4; i++) {
        await kit.receive('g', 't', { tags: 'B' });
        await passes(world, FORGET_MS / 2);
      }
      expect(filters(kit)).toEqual(['A', 'B']);
    }),
  );

  it(
    'is one of at most 32: the next one is refused and the others go on',
    withBroker(async ({ kit }) => {
      for (let i = 0; i < 32; i++)
        expect(await kit.receive('g', 't', { tags: `tag${i}` })).toEqual([]);
      const { status } = await kit.tryReceive('g', 't', { tags: 'one-more' });
      expect(status).toContain('[limit-reached]');
      await kit.sent('t', 'm', { tag: 'tag31' });
      expect(await kit.receive('g', 't', { tags: 'tag31' })).toMatchObject([{ id: 'm' }]);
      expect(filters(kit)).toHaveLength(32);
    }),
  );

  it(
    'is durable: after power loss a message that only it wants is still kept',
    withBroker(async ({ kit, node }) => {
      await kit.register('a', 'g', { t: 'A' });
      await kit.register('b', 'g', { t: 'B' });
      for (const [i, tag] of ['A', 'B'].entries()) await kit.sent('t', `m${i}`, { tag });
      node.crash();
      const again = await BrokerKit.open(node.restart());
      expect(await again.receive('g', 't', { tags: 'A' })).toMatchObject([{ id: 'm0' }]);
      expect(await again.receive('g', 't', { tags: 'B' })).toMatchObject([{ id: 'm1' }]);
    }),
  );
});
