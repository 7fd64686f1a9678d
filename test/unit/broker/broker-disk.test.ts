import { describe, expect, it } from '@jest/globals';
import type { NodeOptions } from '../../../common/options/node-options.ts';
import { Code } from '../../../proto/generated/v2.ts';
import type { SimNode } from '../../simulation/sim-node.ts';
import { simulate, type World } from '../../simulation/world.ts';
import { BrokerKit } from '../../support/broker-kit.ts';

const EIO = { kind: 'error', code: 'EIO' } as const;
const MEBIBYTE = 1 << 20;

interface Stage {
  world: World;
  node: SimNode;
  kit: BrokerKit;
}

const withBroker =
  (body: (stage: Stage) => Promise<void>, options: Partial<NodeOptions> = {}) =>
  (): Promise<void> =>
    simulate(1, async (world) => {
      const node = world.addNode('b');
      await body({ world, node, kit: await BrokerKit.open(node.environment, options) });
    });

const ids = (messages: readonly { id: string }[]): string[] => messages.map(({ id }) => id);

/** A clean stop and another start, which finds a snapshot. */
async function stoppedAndStarted({ node, kit }: Stage): Promise<BrokerKit> {
  await kit.broker.stop();
  node.kill();
  return BrokerKit.open(node.restart());
}

/** Files below a directory, newest name last. */
async function files(node: SimNode, directory: string): Promise<string[]> {
  const names = await node.environment.disk.list(directory);
  return names.sort().map((name) => `${directory}/${name}`);
}

describe('a disk that fails once', () => {
  for (const [operation, flush] of [
    ['write', 'sync'],
    ['sync', 'sync'],
    ['write', 'async'],
  ] as const) {
    it(
      `at a ${operation} (flush ${flush}) leaves the outcome unknown, and sending again gives one message and no gap`,
      withBroker(
        async (stage) => {
          const { kit, node, world } = stage;
          expect(await kit.sent('t', 'before')).toBe(0);
          node.drive.injectNext(operation, EIO);
          const sends = ['x', 'y', 'z'].map((id) => kit.send('t', id));
          for (const { message } of await Promise.all(sends))
            expect(message).toContain('[outcome-unknown]');
          expect((await kit.send('t', 'early')).message).toContain('[log-failed]');
          await world.sleep(1_500);
          const offsets: number[] = [];
          for (const id of ['z', 'y', 'x', 'after']) offsets.push(await kit.sent('t', id));
          expect([...offsets].sort()).toEqual([1, 2, 3, 4]);
          const messages = await kit.receive('g', 't');
          expect(ids(messages).sort()).toEqual(['after', 'before', 'x', 'y', 'z']);
          expect(messages.map(({ queueOffset }) => queueOffset)).toEqual([0, 1, 2, 3, 4]);
          for (const { handle } of messages) expect(await kit.ack('g', 't', handle)).toBe('OK');
          const again = await stoppedAndStarted(stage);
          expect(await again.receive('g', 't')).toEqual([]);
          expect(await again.sent('t', 'x')).toBe(offsets[2]);
        },
        { flush },
      ),
    );
  }

  it(
    'is told once, and so is its end',
    withBroker(async ({ kit, node, world }) => {
      await kit.createTopic('t');
      node.drive.injectNext('write', EIO);
      await kit.send('t', 'x');
      await world.sleep(3_000);
      const told = kit.logger.lines.filter(({ message }) => message.startsWith('the log '));
      expect(told.map(({ level }) => level)).toEqual(['error', 'info']);
      expect(kit.services.health.isWritable).toBe(true);
    }),
  );
});

describe('a full disk', () => {
  it(
    'refuses sends with disk-full, lets receive and acknowledge go on, and takes sends again by itself',
    withBroker(async ({ kit, node, world }) => {
      node.drive.capacityBytes = 100 * MEBIBYTE;
      for (let i = 0; i < 4; i++) await kit.sent('t', `m${i}`);
      node.drive.capacityBytes = Math.ceil(node.drive.usedBytes() / 0.95);
      await world.sleep(1_500);
      expect(await kit.send('t', 'no')).toMatchObject({
        message: expect.stringContaining('[disk-full]'),
      });
      node.drive.capacityBytes += 4_096;
      const messages = await kit.receive('g', 't', { invisibleMs: 60_000 });
      expect(messages.length).toBeGreaterThan(0);
      for (const { handle } of messages) expect(await kit.ack('g', 't', handle)).toBe('OK');
      node.drive.capacityBytes = 100 * MEBIBYTE;
      await world.sleep(1_500);
      expect(await kit.sent('t', 'yes')).toBe(4);
    }),
  );

  it(
    'without a byte left fails the log, keeps what is in flight, and comes back when there is room',
    withBroker(async ({ kit, node, world }) => {
      for (let i = 0; i < 4; i++) await kit.sent('t', `m${i}`);
      const [first] = await kit.receive('g', 't', { count: 1, invisibleMs: 60_000 });
      node.drive.capacityBytes = node.drive.usedBytes();
      const refused = await kit.send('t', 'no');
      expect(refused.code).not.toBe(Code.OK);
      expect(refused.message).toMatch(/\[(outcome-unknown|disk-full|log-failed)\]/);
      expect(await kit.ack('g', 't', first!.handle)).toMatch(/\[(log-failed|outcome-unknown)\]/);
      expect(ids(await kit.receive('g', 't', { count: 1, invisibleMs: 60_000 }))).toEqual(['m1']);
      await world.sleep(10_000);
      expect((await kit.send('t', 'no')).message).toMatch(/\[(disk-full|log-failed)\]/);
      node.drive.capacityBytes = 100 * MEBIBYTE;
      await world.sleep(2_500);
      expect(await kit.sent('t', 'yes')).toBe(4);
      expect(await kit.ack('g', 't', first!.handle)).toBe('OK');
      expect(ids(await kit.receive('g', 't'))).toEqual(['m2', 'm3', 'yes']);
    }),
  );
});

describe('a restart with damaged derived data', () => {
  it(
    'uses the older snapshot when the newest is damaged, says so, and knows everything',
    withBroker(async (stage) => {
      for (let i = 0; i < 3; i++) await stage.kit.sent('t', `a${i}`);
      const second = await stoppedAndStarted(stage);
      const [message] = await second.receive('g', 't', { count: 1 });
      await second.ack('g', 't', message!.handle);
      await second.sent('t', 'b');
      await second.broker.stop();
      const { node } = stage;
      const newest = (await files(node, '/data/snapshot')).at(-1);
      node.kill();
      node.drive.corrupt(newest ?? '', 40);
      const third = await BrokerKit.open(node.restart());
      expect(third.logger.lines).toContainEqual(
        expect.objectContaining({
          level: 'warn',
          message: expect.stringMatching(/snapshot.*older one/),
          fields: { file: newest, reason: expect.stringContaining('damaged') },
        }),
      );
      expect(ids(await third.receive('g', 't'))).toEqual(['a1', 'a2', 'b']);
      expect(await third.sent('t', 'b')).toBe(3);
      expect(await third.sent('t', 'c')).toBe(4);
    }),
  );

  it(
    'builds the index anew when a file of it is damaged, says so, and knows every message',
    withBroker(
      async (stage) => {
        const { kit, node } = stage;
        await kit.createTopic('t', 2);
        const names = Array.from({ length: 1_200 }, (_, i) => `m${i}`);
        for (let i = 0; i < names.length; i += 100)
          await Promise.all(names.slice(i, i + 100).map((id) => kit.sent('t', id)));
        await kit.broker.stop();
        const [file] = await files(node, '/data/index');
        node.kill();
        for (let at = 0; at < 64; at++) node.drive.corrupt(file ?? 'no index file', at);
        const again = await BrokerKit.open(node.restart());
        expect(again.logger.lines).toContainEqual(
          expect.objectContaining({ level: 'warn', message: expect.stringMatching(/index.*anew/) }),
        );
        const received = new Set<string>();
        for (let i = 0; i < 60; i++)
          for (const id of ids(await again.receive('g', 't'))) received.add(id);
        expect(received.size).toBe(names.length);
        const more = [await again.sent('t', 'new1'), await again.sent('t', 'new2')];
        expect(more).toEqual([600, 600]);
      },
      { indexBufferBytes: 16 * 1024 },
    ),
  );

  it(
    'builds the index anew with the right end of every queue, also of one whose messages are all gone',
    withBroker(
      async ({ kit, node, world }) => {
        await kit.createTopic('gone');
        await kit.createTopic('kept');
        for (let i = 0; i < 5; i++) await kit.sent('gone', `g${i}`);
        await world.sleep(10 * 60_000);
        for (let i = 0; i < 20; i++) await kit.sent('kept', `k${i}`, { body: 'x'.repeat(100_000) });
        await world.sleep(10 * 60_000);
        const { state } = kit.services;
        const queueNo = state.topics.get('gone')?.queueNos[0] ?? -1;
        await kit.broker.stop();
        expect([state.index.minOffset(queueNo), state.index.endOffset(queueNo)]).toEqual([5, 5]);
        node.kill();
        const environment = node.restart();
        const marker = await environment.disk.open('/data/index.rebuild', { create: true });
        await marker.sync();
        await marker.close();
        const again = await BrokerKit.open(environment);
        expect(await again.sent('gone', 'new')).toBe(5);
        expect(await again.sent('kept', 'new')).toBe(20);
        expect(ids(await again.receive('g', 'gone'))).toEqual(['new']);
        expect(await environment.disk.list('/data')).not.toContain('index.rebuild');
      },
      { retentionMs: 5 * 60_000, segmentBytes: MEBIBYTE },
    ),
  );
});
