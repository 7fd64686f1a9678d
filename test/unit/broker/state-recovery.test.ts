import { describe, expect, it } from '@jest/globals';
import type { NodeOptions } from '../../../common/options/node-options.ts';
import { repairStore } from '../../../broker/store/tool/repair.ts';
import { physicalOffset } from '../../../common/model/offsets.ts';
import { isStoreError, type StoreError } from '../../../broker/store/store-error.ts';
import { BrokerKit } from '../../support/broker-kit.ts';
import type { SimNode } from '../../simulation/sim-node.ts';
import { simulate, type World } from '../../simulation/world.ts';

const within = (body: (world: World, node: SimNode) => Promise<void>) => (): Promise<void> =>
  simulate(1, (world) => body(world, world.addNode('b')));

/** Why a broker does not start. */
async function refusal(node: SimNode, options: Partial<NodeOptions> = {}): Promise<StoreError> {
  const error: unknown = await BrokerKit.open(node.environment, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isStoreError(error)) throw new Error('no StoreError', { cause: error });
  return error;
}

describe('snapshots at the start', () => {
  /** Small segments, and retention has deleted the first ones. */
  const options = { segmentBytes: 1_500, retentionBytes: 3_000, retentionIntervalMs: 500 };

  async function trimmedStore(world: World, node: SimNode): Promise<void> {
    const kit = await BrokerKit.open(node.environment, options);
    for (let i = 0; i < 60; i++) await kit.sent('t', `m${i}`);
    await world.sleep(5_000);
    expect(kit.broker.describeStore().logStartOffset).toBeGreaterThan(0);
    node.crash();
    node.restart();
  }

  it(
    'that cannot be read for the moment are told as such, not as missing log',
    within(async (world, node) => {
      await trimmedStore(world, node);
      const readError = { kind: 'error', code: 'EIO' } as const;
      const injection = { operation: 'read', times: Infinity, fault: readError } as const;
      node.drive.inject({ ...injection, pathSuffix: '.snapshot' });
      const error = await refusal(node, options);
      expect(error).toMatchObject({ kind: 'io', file: expect.stringContaining('.snapshot') });
      expect(error.message).toContain('EIO');
      node.drive.clearInjections();
      const kit = await BrokerKit.open(node.environment, options);
      expect(await kit.sent('t', 'next')).toBe(60);
    }),
  );

  it(
    'that are damaged, all of them, are told as missing log, with what to restore',
    within(async (world, node) => {
      await trimmedStore(world, node);
      for (const path of await node.environment.disk.list('/data/snapshot'))
        node.drive.corrupt(`/data/snapshot/${path}`, 60);
      const error = await refusal(node, options);
      expect(error).toMatchObject({ kind: 'missing-log', offset: 0 });
      expect(error.message).toContain('Restore DIR/snapshot');
    }),
  );
});

/** Runs `orbitmq store repair` on the directory that no broker uses; the bytes that are lost. */
async function repair({ environment }: SimNode): Promise<number> {
  const steps = repairStore(environment, '/data', physicalOffset(0));
  for (;;) {
    const step = await steps.next();
    if (step.done === true) return step.value.lostBytes;
  }
}

/** Path of the segment and place in it where the body of a message begins. */
function bodyAt(node: SimNode, body: string): { path: string; position: number } {
  const path = '/data/commitlog/00000000000000000000.log';
  const position = node.drive.contentOf(path)?.indexOf(body) ?? -1;
  if (position < 0) throw new Error(`${body} is not in the log`);
  return { path, position };
}

const bodyOf = (i: number): string => `body-of-${String(i).padStart(3, '0')}`;

describe('after a repair of the middle of the log', () => {
  const lines = ({ logger }: BrokerKit): string[] =>
    logger.lines
      .filter(({ message }) => message.includes('repaired ranges'))
      .map(({ level }) => level);

  /** Ten messages, of which 2 and 6 are acknowledged and 4 to `lastDamaged` will be damaged. */
  async function damaged(node: SimNode, hasSnapshot: boolean, lastDamaged = 5): Promise<BrokerKit> {
    const kit = await BrokerKit.open(node.environment);
    await kit.createTopic('t');
    await kit.createTopic('other');
    for (let i = 0; i < 10; i++) await kit.sent('t', `m${i}`, { body: bodyOf(i) });
    for (let i = 0; i < 3; i++) await kit.sent('other', `o${i}`);
    const messages = await kit.receive('g', 't');
    for (const at of [2, 6]) await kit.ack('g', 't', messages[at]!.handle);
    if (hasSnapshot) await kit.broker.stop();
    else node.crash();
    node.restart();
    for (let i = 4; i <= lastDamaged; i++) {
      const { path, position } = bodyAt(node, bodyOf(i));
      node.drive.corrupt(path, position);
    }
    return kit;
  }

  it(
    'the broker, which had refused to start, serves everything else',
    within(async (_world, node) => {
      await damaged(node, false);
      const error = await refusal(node);
      expect(error).toMatchObject({
        kind: 'corrupt',
        file: '/data/commitlog/00000000000000000000.log',
        hint: expect.stringContaining('orbitmq store repair'),
      });
      expect(error.offset).toBeGreaterThan(0);
      expect(await repair(node)).toBeGreaterThan(0);
      const kit = await BrokerKit.open(node.environment);
      expect(lines(kit)).toEqual(['warn']);
      const left = await kit.receive('g', 't');
      expect(left.map(({ id, queueOffset }) => [id, queueOffset])).toEqual(
        [0, 1, 3, 7, 8, 9].map((i) => [`m${i}`, i]),
      );
      for (const { handle } of left) expect(await kit.ack('g', 't', handle)).toBe('OK');
      expect(await kit.sent('t', 'next')).toBe(10);
      expect((await kit.receive('g', 't')).map(({ id }) => id)).toEqual(['next']);
      expect((await kit.receive('late', 't')).length).toBe(9);
      expect((await kit.receive('g', 'other')).length).toBe(3);
    }),
  );

  it.each([0, 1, 2])(
    'a snapshot from before does not bring the lost messages back, after %i more snapshots',
    (snapshots) =>
      simulate(1, async (world) => {
        const node = world.addNode('b');
        await damaged(node, true);
        await repair(node);
        const kit = await BrokerKit.open(node.environment);
        expect(lines(kit)).toEqual(['warn']);
        if (snapshots > 0) await world.sleep(10);
        if (snapshots > 1) await kit.broker.stop();
        node.crash();
        const again = await BrokerKit.open(node.restart());
        expect((await again.receive('g', 't')).map(({ queueOffset }) => queueOffset)).toEqual([
          0, 1, 3, 7, 8, 9,
        ]);
        // A retry of a lost message is a new one.
        expect(await again.sent('t', 'm4')).toBe(10);
        expect(lines(again)).toEqual(snapshots > 0 ? [] : ['warn']);
        const progress = again.services.state.groups.get('g')?.topics.values().next().value;
        expect(progress?.queues[0]?.committed).toBeLessThanOrEqual(10);
      }),
  );

  it.each([true, false])(
    'a queue whose last messages are lost goes on behind them (snapshot: %s)',
    (hasSnapshot) =>
      simulate(1, async (world) => {
        const node = world.addNode('b');
        const before = await BrokerKit.open(node.environment);
        await before.createTopic('t');
        for (let i = 0; i < 10; i++) await before.sent('t', `m${i}`, { body: bodyOf(i) });
        for (const { handle } of await before.receive('g', 't')) await before.ack('g', 't', handle);
        if (hasSnapshot) await before.broker.stop();
        else node.crash();
        node.restart();
        for (let i = 7; i < 10; i++) {
          const { path, position } = bodyAt(node, bodyOf(i));
          node.drive.corrupt(path, position);
        }
        await repair(node);
        const kit = await BrokerKit.open(node.environment);
        expect(await kit.sent('t', 'next')).toBe(10);
        expect((await kit.receive('g', 't')).map(({ id }) => id)).toEqual(['next']);
        expect((await kit.receive('late', 't')).map(({ queueOffset }) => queueOffset)).toEqual([
          0, 1, 2, 3, 4, 5, 6, 10,
        ]);
      }),
  );

  it(
    'a dead letter whose message is lost is passed over, and what waits for redelivery too',
    within(async (world, node) => {
      const before = await BrokerKit.open(node.environment);
      await before.createTopic('t');
      await before.createGroup('g', { maxAttempts: 2 });
      for (let i = 0; i < 4; i++) await before.sent('t', `m${i}`, { body: bodyOf(i) });
      const messages = await before.receive('g', 't', { invisibleMs: 100 });
      await before.bury('g', 't', messages[0]!.handle);
      await before.bury('g', 't', messages[1]!.handle);
      await world.sleep(500);
      await before.broker.stop();
      for (const i of [0, 2]) {
        const { path, position } = bodyAt(node, bodyOf(i));
        node.drive.corrupt(path, position);
      }
      await repair(node);
      const kit = await BrokerKit.open(node.environment);
      const buried = [...kit.services.state.topics.all()].find(({ config }) =>
        config.name.includes('DLQ'),
      );
      expect((await kit.receive('g', 't')).map(({ id }) => id)).toEqual(['m3']);
      const letters = await kit.receive('reader', buried!.config.name);
      expect(letters.map(({ body }) => body)).toEqual([bodyOf(1)]);
      await world.sleep(100);
      expect(kit.services.state.index.endOffset(buried!.queueNos[0]!)).toBe(2);
    }),
  );

  it(
    'hundreds of lost messages in a row are passed over too, from index pages on disk',
    within(async (world, node) => {
      const options = { indexBufferBytes: 4_096, snapshotIntervalMs: 1_000 };
      const before = await BrokerKit.open(node.environment, options);
      await before.createTopic('t');
      for (let i = 0; i < 900; i++) await before.sent('t', `m${i}`, { body: bodyOf(i) });
      await before.broker.stop();
      for (let i = 100; i < 700; i++) {
        const { path, position } = bodyAt(node, bodyOf(i));
        node.drive.corrupt(path, position);
      }
      await repair(node);
      for (let life = 0; life < 2; life++) {
        const kit = await BrokerKit.open(node.environment, options);
        const offsets: number[] = [];
        for (let round = 0; round < 20; round++) {
          const messages = await kit.receive(`g${life}`, 't');
          for (const { handle, queueOffset } of messages) {
            offsets.push(queueOffset);
            await kit.ack(`g${life}`, 't', handle);
          }
        }
        const expected = Array.from({ length: 900 }, (_, i) => i).filter(
          (i) => i < 100 || i >= 700,
        );
        expect(offsets).toEqual(expected);
        await world.sleep(5_000);
        expect(kit.services.state.index.stats().pageListBytes).toBeGreaterThan(0);
        await kit.broker.stop();
      }
    }),
  );
});
