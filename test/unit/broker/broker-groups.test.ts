import { describe, expect, it } from '@jest/globals';
import type { SimNode } from '../../simulation/sim-node.ts';
import { simulate, type World } from '../../simulation/world.ts';
import { BrokerKit } from '../../support/broker-kit.ts';
import { peekMessages } from '../../../broker/activity/admin/peek-messages.ts';

interface Stage {
  world: World;
  node: SimNode;
  kit: BrokerKit;
}

const withBroker = (body: (stage: Stage) => Promise<void>) => (): Promise<void> =>
  simulate(1, async (world) => {
    const node = world.addNode('b');
    await body({ world, node, kit: await BrokerKit.open(node.environment) });
  });

const ids = (messages: readonly { id: string }[]): string[] => messages.map(({ id }) => id);

async function setPaused(kit: BrokerKit, group: string, paused: boolean): Promise<void> {
  const config = kit.services.state.groups.get(group)?.config;
  if (config === undefined) throw new Error(`no group ${group}`);
  await kit.services.admin.updateGroup({ ...config, paused });
}

describe('a paused group', () => {
  it(
    'gets nothing until it goes on, then everything; its acknowledgements are taken meanwhile',
    withBroker(async ({ kit, world }) => {
      await kit.createGroup('g');
      await kit.sent('t', 'before');
      const [held] = await kit.receive('g', 't', { invisibleMs: 60_000 });
      await setPaused(kit, 'g', true);
      await kit.sent('t', 'meanwhile');
      const start = world.scheduler.nowMs;
      expect(await kit.receive('g', 't', { pollMs: 3_000 })).toEqual([]);
      expect(world.scheduler.nowMs - start).toBeGreaterThanOrEqual(3_000);
      expect(await kit.ack('g', 't', held!.handle)).toBe('OK');
      expect(ids(await kit.receive('other', 't'))).toEqual(['before', 'meanwhile']);
      await setPaused(kit, 'g', false);
      expect(await kit.receive('g', 't')).toMatchObject([{ id: 'meanwhile', attempt: 1 }]);
    }),
  );

  it(
    'answers a receive that waits as soon as it goes on',
    withBroker(async ({ kit, world }) => {
      await kit.createGroup('g');
      await kit.sent('t', 'm');
      await setPaused(kit, 'g', true);
      const waiting = kit.receive('g', 't', { pollMs: 20_000 });
      await world.sleep(1_000);
      const start = world.scheduler.nowMs;
      await setPaused(kit, 'g', false);
      expect(ids(await waiting)).toEqual(['m']);
      expect(world.scheduler.nowMs - start).toBeLessThan(200);
    }),
  );

  it(
    'stays paused after power loss',
    withBroker(async ({ kit, node }) => {
      await kit.createGroup('g');
      await kit.sent('t', 'm');
      await setPaused(kit, 'g', true);
      node.crash();
      const again = await BrokerKit.open(node.restart());
      expect(await again.receive('g', 't')).toEqual([]);
      await setPaused(again, 'g', false);
      expect(ids(await again.receive('g', 't'))).toEqual(['m']);
    }),
  );
});

describe('a topic that grows while it is used', () => {
  it(
    'takes messages into its new queues at once, and every group gets them, also one that waits',
    withBroker(async ({ kit, world, node }) => {
      await kit.createTopic('t', 1);
      await kit.sent('t', 'm0');
      const [first] = await kit.receive('g', 't', { invisibleMs: 60_000 });
      const waiting = kit.receive('g', 't', { pollMs: 20_000 });
      await world.sleep(100);
      const { config } = kit.services.state.topics.get('t')!;
      await kit.services.admin.updateTopic({ ...config, queueCount: 3 });
      const offsets: number[] = [];
      for (const id of ['m1', 'm2', 'm3']) offsets.push(await kit.sent('t', id));
      expect(offsets.sort()).toEqual([0, 0, 1]);
      const later = [...(await waiting), ...(await kit.receive('g', 't'))];
      expect(ids(later).sort()).toEqual(['m1', 'm2', 'm3']);
      expect(new Set(later.map(({ queueId }) => queueId))).toEqual(new Set([0, 1, 2]));
      for (const { handle } of [first!, ...later])
        expect(await kit.ack('g', 't', handle)).toBe('OK');
      node.crash();
      const again = await BrokerKit.open(node.restart());
      expect(await again.receive('g', 't')).toEqual([]);
      expect(ids(await again.receive('new', 't')).sort()).toEqual(['m0', 'm1', 'm2', 'm3']);
    }),
  );
});

describe('members with different tags', () => {
  it(
    'that take turns over many messages lose none and get none twice, also after power loss',
    withBroker(async ({ kit, node, world }) => {
      await kit.createTopic('t', 3);
      await kit.register('a', 'g', { t: 'A' });
      await kit.register('b', 'g', { t: 'B || C' });
      const wanted = new Map<string, string>();
      for (let i = 0; i < 120; i++) {
        const tag = world.random.pick(['A', 'B', 'C', 'D']);
        await kit.sent('t', `m${i}`, { tag });
        if (tag !== 'D') wanted.set(`m${i}`, tag);
      }
      const got = new Map<string, string>();
      const take = async (from: BrokerKit, tags: string): Promise<void> => {
        for (const message of await from.receive('g', 't', { tags, count: 7 })) {
          expect(tags).toContain(message.tag ?? 'none');
          expect(got.has(message.id)).toBe(false);
          got.set(message.id, message.tag ?? '');
          expect(await from.ack('g', 't', message.handle)).toBe('OK');
        }
      };
      for (let i = 0; i < 8; i++) await take(kit, i % 3 === 0 ? 'B || C' : 'A');
      node.crash();
      const again = await BrokerKit.open(node.restart());
      for (let i = 0; i < 60; i++) await take(again, i % 2 === 0 ? 'B || C' : 'A');
      expect(got).toEqual(wanted);
    }),
  );
});

describe('peeking', () => {
  it(
    'shows messages, also ones in flight or acknowledged, and takes none of them away',
    withBroker(async ({ kit }) => {
      for (const [i, tag] of ['A', 'B', 'A'].entries()) await kit.sent('t', `m${i}`, { tag });
      const peek = async (more: object = {}): Promise<(string | null | undefined)[]> =>
        ((await peekMessages(kit.services, { topic: 't', ...more })).messages ?? []).map(
          (message) => message.systemProperties?.messageId,
        );
      expect(await peek()).toEqual(['m0', 'm1', 'm2']);
      expect(await peek({ filter: { type: 1, expression: 'A' } })).toEqual(['m0', 'm2']);
      expect(await peek({ queueId: 0, offset: 1, maxMessages: 1 })).toEqual(['m1']);
      const messages = await kit.receive('g', 't');
      expect(messages.map(({ id, attempt }) => [id, attempt])).toEqual([
        ['m0', 1],
        ['m1', 1],
        ['m2', 1],
      ]);
      await kit.ack('g', 't', messages[0]!.handle);
      expect(await peek()).toEqual(['m0', 'm1', 'm2']);
      const { messages: shown } = await peekMessages(kit.services, { topic: 't' });
      expect(shown?.some((message) => message.systemProperties?.receiptHandle)).toBe(false);
    }),
  );

  it(
    'goes on where it ended, and refuses a queue that is not there',
    withBroker(async ({ kit }) => {
      for (let i = 0; i < 40; i++) await kit.sent('t', `m${i}`);
      const first = await peekMessages(kit.services, { topic: 't', queueId: 0 });
      expect([first.messages?.length, first.nextOffset]).toEqual([32, 32]);
      const rest = await peekMessages(kit.services, { topic: 't', queueId: 0, offset: 32 });
      expect([rest.messages?.length, rest.nextOffset]).toEqual([8, 40]);
      await expect(peekMessages(kit.services, { topic: 't', queueId: 1 })).rejects.toMatchObject({
        code: 'queue-not-found',
      });
      await expect(peekMessages(kit.services, { topic: 'none' })).rejects.toMatchObject({
        code: 'topic-not-found',
      });
    }),
  );
});
