import { describe, expect, it } from '@jest/globals';
import { BrokerKit } from '../../support/broker-kit.ts';
import { simulate, type World } from '../../simulation/world.ts';
import type { SimNode } from '../../simulation/sim-node.ts';
import type { NodeOptions } from '../../../common/options/node-options.ts';

interface Stage {
  world: World;
  node: SimNode;
  kit: BrokerKit;
}

/** A test with one sound broker. */
const withBroker =
  (body: (stage: Stage) => Promise<void>, options: Partial<NodeOptions> = {}) =>
  (): Promise<void> =>
    simulate(1, async (world) => {
      const node = world.addNode('b');
      await body({ world, node, kit: await BrokerKit.open(node.environment, options) });
    });

const ids = (messages: readonly { id: string }[]): string[] => messages.map(({ id }) => id);

/** A new life after power loss. */
const restarted = async (
  { node }: Stage,
  options: Partial<NodeOptions> = {},
): Promise<BrokerKit> => {
  node.crash();
  return BrokerKit.open(node.restart(), options);
};

describe('messages', () => {
  it(
    'are received in order and gone once acknowledged',
    withBroker(async ({ kit, world }) => {
      for (let i = 0; i < 5; i++) expect(await kit.sent('t', `m${i}`)).toBe(i);
      const messages = await kit.receive('g', 't');
      expect(ids(messages)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
      for (const { handle } of messages) expect(await kit.ack('g', 't', handle)).toBe('OK');
      await world.sleep(60_000);
      expect(await kit.receive('g', 't')).toEqual([]);
    }),
  );

  it(
    'stay acknowledged after power loss, and the others come again',
    withBroker(async (stage) => {
      for (let i = 0; i < 4; i++) await stage.kit.sent('t', `m${i}`);
      const messages = await stage.kit.receive('g', 't');
      await stage.kit.ack('g', 't', messages[1]!.handle);
      await stage.kit.ack('g', 't', messages[3]!.handle);
      const kit = await restarted(stage);
      expect(ids(await kit.receive('g', 't'))).toEqual(['m0', 'm2']);
      expect(await kit.sent('t', 'm4')).toBe(4);
    }),
  );

  it(
    'are all delivered to each group',
    withBroker(async ({ kit }) => {
      await kit.sent('t', 'm');
      expect(ids(await kit.receive('g1', 't'))).toEqual(['m']);
      expect(ids(await kit.receive('g2', 't'))).toEqual(['m']);
      expect(ids(await kit.receive('g1', 't'))).toEqual([]);
    }),
  );

  it(
    'of several queues come in one receive',
    withBroker(async ({ kit }) => {
      await kit.createTopic('t', 4);
      for (let i = 0; i < 8; i++) await kit.sent('t', `m${i}`);
      const messages = await kit.receive('g', 't');
      expect(ids(messages).sort()).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7']);
      expect(new Set(messages.map(({ queueId }) => queueId)).size).toBe(4);
    }),
  );
});

describe('a receive that waits', () => {
  it(
    'is answered when a message arrives',
    withBroker(async ({ kit, world }) => {
      await kit.createTopic('t');
      const start = world.scheduler.nowMs;
      const waiting = kit.receive('g', 't', { pollMs: 20_000 });
      await world.sleep(100);
      await kit.sent('t', 'm');
      expect(ids(await waiting)).toEqual(['m']);
      expect(world.scheduler.nowMs - start).toBeLessThan(200);
    }),
  );

  it(
    'is answered empty when its time is up',
    withBroker(async ({ kit, world }) => {
      await kit.createTopic('t');
      const start = world.scheduler.nowMs;
      const { status, messages } = await kit.tryReceive('g', 't', { pollMs: 5_000 });
      expect(messages).toEqual([]);
      expect(status).toContain('[message-not-found]');
      expect(world.scheduler.nowMs - start).toBeGreaterThanOrEqual(5_000);
    }),
  );

  it(
    'for one queue wakes although an older one waits for another queue',
    withBroker(async ({ kit, world }) => {
      await kit.createTopic('t', 2);
      const first = kit.receive('g', 't', { pollMs: 20_000, queueId: 1 });
      const second = kit.receive('g', 't', { pollMs: 20_000, queueId: 0 });
      await world.sleep(100);
      const start = world.scheduler.nowMs;
      await kit.sent('t', 'm');
      expect(ids(await second)).toEqual(['m']);
      expect(world.scheduler.nowMs - start).toBeLessThan(200);
      expect(await first).toEqual([]);
    }),
  );

  it(
    'takes nothing once its client has gone, and loses nothing',
    withBroker(async ({ kit, world }) => {
      await kit.createTopic('t');
      const gone = new AbortController();
      const waiting = kit.receive('g', 't', { pollMs: 20_000, signal: gone.signal });
      const other = kit.receive('g', 't', { pollMs: 20_000 });
      await world.sleep(100);
      const sending = kit.sent('t', 'm');
      gone.abort();
      await sending;
      expect(await waiting).toEqual([]);
      expect(await other).toMatchObject([{ id: 'm', attempt: 1 }]);
      expect(kit.services.consumption.waitingCount).toBe(0);
    }),
  );

  it(
    'ends when its client goes while the message is read',
    withBroker(async ({ kit }) => {
      await kit.sent('t', 'm');
      const gone = new AbortController();
      gone.abort();
      expect(await kit.receive('g', 't', { signal: gone.signal })).toEqual([]);
      expect(await kit.receive('g', 't')).toMatchObject([{ id: 'm', attempt: 1 }]);
    }),
  );

  it(
    'is answered when room comes back under the in-flight limit',
    withBroker(
      async ({ kit, world }) => {
        await kit.createTopic('t');
        for (let i = 0; i < 3; i++) await kit.sent('t', `m${i}`);
        const held = await kit.receive('g', 't');
        expect(ids(held)).toEqual(['m0', 'm1']);
        const waiting = kit.receive('g', 't', { pollMs: 9_000 });
        await world.sleep(1_000);
        const start = world.scheduler.nowMs;
        await kit.ack('g', 't', held[0]!.handle);
        expect(ids(await waiting)).toEqual(['m2']);
        expect(world.scheduler.nowMs - start).toBeLessThan(200);
      },
      { maxInflightPerQueue: 2 },
    ),
  );

  it(
    'is answered when room comes back under the limit of the whole broker',
    withBroker(
      async ({ kit, world }) => {
        await kit.createTopic('t');
        for (let i = 0; i < 2; i++) await kit.sent('t', `m${i}`);
        const held = await kit.receive('other', 't');
        expect(ids(held)).toEqual(['m0', 'm1']);
        const waiting = kit.receive('g', 't', { pollMs: 9_000 });
        await world.sleep(1_000);
        const start = world.scheduler.nowMs;
        await kit.ack('other', 't', held[0]!.handle);
        expect(ids(await waiting)).toEqual(['m0']);
        expect(world.scheduler.nowMs - start).toBeLessThan(200);
      },
      { maxInflight: 2, maxInflightPerGroup: 2, maxInflightPerQueue: 2 },
    ),
  );

  it(
    'is answered at once when its topic is deleted',
    withBroker(async ({ kit, world }) => {
      await kit.createTopic('t');
      const waiting = kit.receive('g', 't', { pollMs: 20_000 });
      await world.sleep(100);
      const start = world.scheduler.nowMs;
      await kit.services.admin.deleteTopic('t');
      expect(await waiting).toEqual([]);
      expect(world.scheduler.nowMs - start).toBeLessThan(200);
      expect(kit.services.consumption.waitingCount).toBe(0);
    }),
  );

  it(
    'is answered empty when the broker stops',
    withBroker(async ({ kit, world }) => {
      await kit.createTopic('t');
      const waiting = kit.receive('g', 't', { pollMs: 20_000 });
      await world.sleep(100);
      await kit.broker.stop();
      expect(await waiting).toEqual([]);
    }),
  );
});

describe('an unacknowledged message', () => {
  it(
    'comes again after its invisible time, with its attempts counted',
    withBroker(async ({ kit, world }) => {
      await kit.sent('t', 'm');
      expect(await kit.receive('g', 't', { invisibleMs: 2_000 })).toMatchObject([
        { id: 'm', attempt: 1 },
      ]);
      await world.sleep(1_500);
      expect(await kit.receive('g', 't')).toEqual([]);
      expect(await kit.receive('g', 't', { pollMs: 5_000, invisibleMs: 2_000 })).toMatchObject([
        { id: 'm', attempt: 2 },
      ]);
      expect(await kit.receive('g', 't', { pollMs: 5_000 })).toMatchObject([
        { id: 'm', attempt: 3 },
      ]);
    }),
  );

  it(
    'keeps its count of attempts after power loss',
    withBroker(async (stage) => {
      await stage.kit.sent('t', 'm');
      await stage.kit.receive('g', 't', { invisibleMs: 1_000 });
      await stage.kit.receive('g', 't', { invisibleMs: 1_000, pollMs: 3_000 });
      const kit = await restarted(stage);
      expect(await kit.receive('g', 't')).toMatchObject([{ id: 'm', attempt: 2 }]);
    }),
  );

  it(
    'goes to the dead-letter topic after its last attempt, and says where it comes from',
    withBroker(async (stage) => {
      const { kit, world } = stage;
      await kit.createGroup('g', { maxAttempts: 2 });
      await kit.sent('t', 'm', { body: 'content', tag: 'A' });
      await kit.receive('g', 't', { invisibleMs: 1_000 });
      await kit.receive('g', 't', { invisibleMs: 1_000, pollMs: 3_000 });
      await world.sleep(2_000);
      expect(await kit.receive('g', 't')).toEqual([]);
      const dead = await kit.receive('undertaker', '%DLQ%g');
      expect(dead).toMatchObject([
        { id: 'm', body: 'content', tag: 'A', topic: '%DLQ%g', deadLetterOf: 'm', attempt: 1 },
      ]);
      const again = await restarted(stage);
      expect(await again.receive('g', 't')).toEqual([]);
      expect(await again.receive('other', '%DLQ%g')).toMatchObject([{ id: 'm', body: 'content' }]);
    }),
  );

  it(
    'goes to the dead-letter topic when its consumer gives up',
    withBroker(async ({ kit }) => {
      await kit.sent('t', 'm');
      const [message] = await kit.receive('g', 't');
      expect(await kit.bury('g', 't', message!.handle)).toBe('OK');
      expect(await kit.bury('g', 't', message!.handle)).toBe('OK');
      expect(ids(await kit.receive('g2', '%DLQ%g'))).toEqual(['m']);
    }),
  );

  it(
    'stays invisible as long as its consumer asks, and comes at once when it asks for nothing',
    withBroker(async ({ kit, world }) => {
      await kit.sent('t', 'm');
      const [message] = await kit.receive('g', 't', { invisibleMs: 1_000 });
      const changed = await kit.changeInvisible('g', 't', message!.handle, 5_000);
      expect(changed.status).toBe('OK');
      await world.sleep(4_500);
      expect(await kit.receive('g', 't')).toEqual([]);
      expect(await kit.changeInvisible('g', 't', changed.handle, 0)).toMatchObject({
        status: 'OK',
      });
      expect(await kit.receive('g', 't', { pollMs: 1_000 })).toMatchObject([
        { id: 'm', attempt: 2 },
      ]);
    }),
  );
});

describe('a receipt handle', () => {
  it(
    'is refused when it is stale, forged, or of another group or topic',
    withBroker(async ({ kit, world }) => {
      await kit.createTopic('u');
      await kit.sent('t', 'm');
      const [first] = await kit.receive('g', 't', { invisibleMs: 1_000 });
      await kit.receive('h', 't');
      await world.sleep(2_000);
      expect(await kit.ack('g', 't', first!.handle)).toContain('[receipt-handle-invalid]');
      expect(await kit.changeInvisible('g', 't', first!.handle, 1_000)).toMatchObject({
        status: expect.stringContaining('[receipt-handle-invalid]'),
        handle: first!.handle,
      });
      const [second] = await kit.receive('g', 't');
      const forged =
        second!.handle.slice(0, 20) +
        (second!.handle[20] === 'A' ? 'B' : 'A') +
        second!.handle.slice(21);
      expect(await kit.ack('g', 't', forged)).toContain('[receipt-handle-invalid]');
      expect(await kit.ack('h', 't', second!.handle)).toContain('[receipt-handle-invalid]');
      expect(await kit.ack('g', 'u', second!.handle)).toContain('[receipt-handle-invalid]');
      expect(await kit.ack('g', 't', second!.handle)).toBe('OK');
      expect(await kit.ack('g', 't', second!.handle)).toBe('OK');
      expect(await kit.bury('g', 't', first!.handle)).toBe('OK');
    }),
  );

  it(
    'is good after a restart, whichever attempt it is of',
    withBroker(async (stage) => {
      await stage.kit.sent('t', 'one');
      await stage.kit.receive('g', 't', { invisibleMs: 1_000 });
      const [second] = await stage.kit.receive('g', 't', { pollMs: 2_000 });
      await stage.kit.sent('t', 'two');
      const [first] = await stage.kit.receive('g', 't');
      expect([second!.attempt, first!.attempt]).toEqual([2, 1]);
      const kit = await restarted(stage);
      expect(await kit.ack('g', 't', second!.handle)).toBe('OK');
      expect(await kit.ack('g', 't', first!.handle)).toBe('OK');
      expect(await kit.receive('g', 't')).toEqual([]);
    }),
  );

  it(
    'of a deleted topic or group opens nothing of a new one, also after a restart',
    withBroker(async (stage) => {
      const { kit, world } = stage;
      await kit.createTopic('t');
      await kit.createGroup('g');
      await kit.sent('t', 'old');
      const [message] = await kit.receive('g', 't');
      await kit.services.admin.deleteTopic('t');
      await kit.services.admin.deleteGroup('g');
      await kit.broker.stop();
      stage.node.kill();
      const again = await BrokerKit.open(stage.node.restart());
      await again.createTopic('t');
      await again.createGroup('g');
      expect(await again.sent('t', 'new')).toBe(0);
      expect(await again.ack('g', 't', message!.handle)).toContain('[receipt-handle-invalid]');
      expect(ids(await again.receive('g', 't'))).toEqual(['new']);
      await world.sleep(1);
    }),
  );
});

describe('sending again with the same id', () => {
  it(
    'gives the first receipt, also after power loss',
    withBroker(async (stage) => {
      expect(await stage.kit.sent('t', 'a')).toBe(0);
      expect(await stage.kit.sent('t', 'b')).toBe(1);
      expect(await stage.kit.sent('t', 'a')).toBe(0);
      const kit = await restarted(stage);
      expect(await kit.sent('t', 'b')).toBe(1);
      expect(await kit.sent('u', 'b')).toBe(0);
      expect(ids(await kit.receive('g', 't'))).toEqual(['a', 'b']);
    }),
  );

  it(
    'joins the first one while that is under way',
    withBroker(async ({ kit }) => {
      await kit.createTopic('t');
      const offsets = await Promise.all([
        kit.sent('t', 'a'),
        kit.sent('t', 'a'),
        kit.sent('t', 'b'),
      ]);
      expect(offsets).toEqual([0, 0, 1]);
      expect(ids(await kit.receive('g', 't'))).toEqual(['a', 'b']);
    }),
  );

  it(
    'is a new message once the window is over',
    withBroker(
      async ({ kit, world }) => {
        await kit.sent('t', 'a');
        await world.sleep(2_000);
        expect(await kit.sent('t', 'a')).toBe(1);
      },
      { idempotenceWindowMs: 1_000 },
    ),
  );

  it(
    'is a new message where the window is switched off',
    withBroker(
      async ({ kit }) => {
        await kit.sent('t', 'a');
        expect(await kit.sent('t', 'a')).toBe(1);
      },
      { idempotenceIds: 0 },
    ),
  );

  it(
    'is never a second message because the first one cannot be read for the moment',
    withBroker(async (stage) => {
      await stage.kit.sent('t', 'a');
      const kit = await restarted(stage);
      stage.node.drive.injectNext('read', { kind: 'error', code: 'EIO' });
      expect((await kit.send('t', 'a')).message).not.toBe('OK');
      expect(await kit.sent('t', 'a')).toBe(0);
    }),
  );
});

describe('a new group', () => {
  it(
    'starts at the oldest message or at the next one, as configured',
    withBroker(async ({ kit }) => {
      await kit.sent('t', 'old');
      await kit.createGroup('late', { startPosition: 'latest' });
      await kit.createGroup('early', { startPosition: 'earliest' });
      await kit.register('c1', 'late', { t: '*' });
      await kit.register('c2', 'early', { t: '*' });
      await kit.sent('t', 'new');
      expect(ids(await kit.receive('late', 't'))).toEqual(['new']);
      expect(ids(await kit.receive('early', 't'))).toEqual(['old', 'new']);
    }),
  );

  it(
    'gets what is sent while its first announcement is still being stored',
    withBroker(
      async ({ kit }) => {
        await kit.sent('t', 'old');
        await kit.createGroup('known', { startPosition: 'latest' });
        const announced = ['known', 'unknown'].map((group, i) =>
          kit.register(`c${i}`, group, { t: '*' }),
        );
        await kit.sent('t', 'new');
        await Promise.all(announced);
        expect(ids(await kit.receive('known', 't'))).toEqual(['new']);
        expect(ids(await kit.receive('unknown', 't'))).toEqual(['new']);
      },
      { groupStartPosition: 'latest' },
    ),
  );

  it(
    'that subscribed before the topic was there misses nothing of it',
    withBroker(
      async (stage) => {
        const { kit } = stage;
        await kit.createGroup('g', { startPosition: 'latest' });
        await kit.register('c', 'g', { t: '*' });
        await kit.createTopic('t', 2);
        await kit.sent('t', 'a');
        await kit.sent('t', 'b');
        expect(
          ids(await (await restarted(stage, { autoCreateTopics: false })).receive('g', 't')).sort(),
        ).toEqual(['a', 'b']);
      },
      { autoCreateTopics: false },
    ),
  );

  it(
    'at the latest position is not moved to the earliest by a change of the topic',
    withBroker(async ({ kit }) => {
      await kit.createTopic('t');
      await kit.createGroup('g', { startPosition: 'latest' });
      await kit.sent('t', 'old');
      const config = kit.services.state.topics.get('t')!.config;
      const registering = kit.register('c', 'g', { t: '*' });
      const updating = kit.services.admin.updateTopic({ ...config, queueCount: 2 });
      await Promise.all([registering, updating]);
      expect(ids(await kit.receive('g', 't'))).toEqual([]);
    }),
  );
});

describe('a client that renews', () => {
  it(
    'keeps its message while it lives, and hands it over at once when it says goodbye',
    withBroker(
      async ({ kit, world }) => {
        await kit.register('c', 'g', { t: '*' });
        await kit.sent('t', 'm');
        expect(ids(await kit.receive('g', 't', { autoRenew: true, client: 'c' }))).toEqual(['m']);
        for (let i = 0; i < 10; i++) {
          await world.sleep(1_000);
          await kit.register('c', 'g', { t: '*' });
          expect(await kit.receive('g', 't')).toEqual([]);
        }
        await kit.access.removeClient('c');
        expect(await kit.receive('g', 't', { pollMs: 100 })).toMatchObject([
          { id: 'm', attempt: 2 },
        ]);
      },
      { autoRenewInvisibleMs: 2_000 },
    ),
  );

  it(
    'loses its message when it has been silent for the expiry, or holds it for too long',
    withBroker(
      async ({ kit, world }) => {
        await kit.register('silent', 'g', { t: '*' });
        await kit.sent('t', 'm');
        await kit.receive('g', 't', { autoRenew: true, client: 'silent' });
        await world.sleep(12_000);
        await kit.register('hangs', 'g', { t: '*' });
        expect(await kit.receive('g', 't', { autoRenew: true, client: 'hangs' })).toMatchObject([
          { id: 'm', attempt: 2 },
        ]);
        for (let i = 0; i < 25; i++) {
          await world.sleep(1_000);
          await kit.register('hangs', 'g', { t: '*' });
        }
        expect(await kit.receive('g', 't')).toMatchObject([{ id: 'm', attempt: 3 }]);
      },
      { autoRenewInvisibleMs: 2_000, autoRenewMaxMs: 20_000, clientExpiryMs: 10_000 },
    ),
  );
});

describe('members of one group with different tags', () => {
  it(
    'get what they ask for and lose nothing',
    withBroker(async ({ kit }) => {
      await kit.createTopic('t');
      await kit.createGroup('g');
      await kit.register('a', 'g', { t: 'A' });
      await kit.register('b', 'g', { t: 'B || C' });
      for (const [i, tag] of ['A', 'B', 'C', 'A', 'D'].entries())
        await kit.sent('t', `m${i}`, { tag });
      expect((await kit.receive('g', 't', { tags: 'A' })).map(({ tag }) => tag)).toEqual([
        'A',
        'A',
      ]);
      expect((await kit.receive('g', 't', { tags: 'B || C' })).map(({ tag }) => tag)).toEqual([
        'B',
        'C',
      ]);
    }),
  );
});
