import { describe, expect, it } from '@jest/globals';
import type { ReplicationMode } from '../../../../common/model/broker-group.ts';
import type { NodeOptions } from '../../../../common/options/node-options.ts';
import { simulate } from '../../../simulation/world.ts';
import { MemberKit } from '../../../support/member-kit.ts';

const ALL = ['a', 'b', 'c'] as const;
const PAIR = ['a', 'b'] as const;

const onGroup =
  (
    names: readonly string[],
    body: (kit: MemberKit) => Promise<void>,
    options: Partial<NodeOptions> = {},
  ) =>
  (): Promise<void> =>
    simulate(11, async (world) => {
      await body(await MemberKit.open(world, names, options));
    });

async function lead(
  kit: MemberKit,
  master: string,
  epoch: number,
  set: readonly string[],
  mode: ReplicationMode = 'sync',
): Promise<void> {
  expect(await kit.promote(master, kit.terms(epoch, set, mode))).toBe(true);
  for (const name of kit.members.keys())
    if (name !== master) expect(await kit.follow(name, epoch, master)).toBe(true);
  await kit.until(`${master} is the master`, () => kit.at(master).member.role === 'master');
}

async function sendMany(kit: MemberKit, master: string, prefix: string, count: number) {
  const broker = kit.broker(master);
  return Promise.all(Array.from({ length: count }, (_, i) => broker.send('t', `${prefix}${i}`)));
}

describe('a member of a group', () => {
  it(
    'is nobody until it is told, whatever it was before',
    onGroup(PAIR, async (kit) => {
      expect(kit.at('a').member.role).toBe('follower');
      const refused = await kit.broker('a').send('t', 'm');
      expect(refused.message).toContain('no master');
      await lead(kit, 'a', 1, ['a']);
      kit.at('a').node.kill();
      const again = await kit.start('a');
      expect(again.member.role).toBe('follower');
      expect(again.member.epoch).toBe(1);
    }),
  );

  it(
    'confirms what its slaves have, and slaves fold what it confirms',
    onGroup(ALL, async (kit) => {
      await lead(kit, 'a', 1, ALL);
      await kit.broker('a').createTopic('t', 2);
      const outcomes = await sendMany(kit, 'a', 'm', 50);
      expect(outcomes.every(({ message }) => message === 'OK')).toBe(true);
      const end = kit.at('a').member.broker.log.endOffset;
      for (const name of ['b', 'c']) {
        const { member } = kit.at(name);
        expect(member.broker.log.durableOffset).toBe(end);
        await kit.until(`${name} has folded`, () => member.broker.foldedOffset === end);
        expect(member.broker.services.state.topics.get('t')).toBeDefined();
      }
    }),
  );

  it(
    'knows the next master as soon as it is told, also while it cannot keep its epoch',
    onGroup(PAIR, async (kit) => {
      await lead(kit, 'a', 1, PAIR);
      const { member, node } = kit.at('a');
      expect(await kit.promote('b', kit.terms(2, PAIR))).toBe(true);
      node.drive.injectNext('write', { kind: 'error', code: 'ENOSPC' });
      const order = kit.follow('a', 2, 'b');
      expect(member.master()?.name).toBe('b');
      await expect(order).rejects.toThrow('ENOSPC');
      expect(member.master()?.name).toBe('b');
      // An epoch that nobody is told the master of belongs to nobody.
      expect(await kit.revoke('a', 3)).toBe(true);
      expect(member.master()).toBeUndefined();
    }),
  );

  it(
    'lets a slave take over with everything acknowledged, receipts included',
    onGroup(PAIR, async (kit) => {
      await lead(kit, 'a', 1, PAIR);
      const first = kit.broker('a');
      await first.createTopic('t', 1);
      await first.createGroup('g');
      await sendMany(kit, 'a', 'm', 20);
      const got = await first.receive('g', 't', { count: 10 });
      expect(got).toHaveLength(10);
      for (const message of got.slice(0, 5)) await first.ack('g', 't', message.handle);
      kit.at('a').node.kill();
      expect(await kit.revoke('b', 2)).toBe(true);
      await kit.promote('b', kit.terms(2, ['b']));
      await kit.until('b is the master', () => kit.at('b').member.role === 'master');
      const second = kit.broker('b');
      // Handles of the master before are good here.
      for (const message of got.slice(5)) await second.ack('g', 't', message.handle);
      const rest = await second.receive('g', 't', { count: 32, pollMs: 1_000 });
      expect(rest.map(({ id }) => id).sort()).toEqual(
        Array.from({ length: 20 }, (_, i) => `m${i}`)
          .filter((id) => !got.some((message) => message.id === id))
          .sort(),
      );
    }),
  );

  it(
    'hands out nothing that its successor lets be acknowledged, although nobody has told it',
    onGroup(PAIR, async (kit) => {
      await lead(kit, 'a', 1, PAIR);
      const first = kit.broker('a');
      await first.createTopic('t', 1);
      await first.createGroup('g');
      expect(await first.receive('g', 't')).toEqual([]);
      await sendMany(kit, 'a', 'm', 1);
      // A lease of NameServers says nothing where slaves confirm: elections do not wait for its end.
      const { member, node } = kit.at('a');
      member.leaseGranted(0, node.environment.clock.monotonicMs());
      expect(await kit.revoke('b', 2)).toBe(true);
      await kit.promote('b', kit.terms(2, ['b']));
      await kit.until('b is the master', () => kit.at('b').member.role === 'master');
      const second = kit.broker('b');
      const [got] = await second.receive('g', 't', { pollMs: 1_000 });
      expect(await second.ack('g', 't', got?.handle ?? '')).toBe('OK');
      expect(member.role).toBe('master');
      expect(await first.receive('g', 't')).toEqual([]);
    }),
  );

  it(
    'that was the master truncates what the group never had, and follows',
    onGroup(PAIR, async (kit) => {
      await lead(kit, 'a', 1, ['a'], 'async');
      await kit.broker('a').createTopic('t', 1);
      await sendMany(kit, 'a', 'm', 10);
      const { member: b } = kit.at('b');
      await kit.until('b has all', () => b.status().logEndOffset === endOf(kit, 'a'));
      kit.world.network.partition(['a'], ['b']);
      await sendMany(kit, 'a', 'lost', 10);
      expect(await kit.revoke('b', 2)).toBe(true);
      await kit.promote('b', kit.terms(2, ['b'], 'async'));
      await kit.until('b is the master', () => b.role === 'master');
      await sendMany(kit, 'b', 'new', 3);
      kit.world.network.heal();
      expect(await kit.follow('a', 2, 'b')).toBe(true);
      await kit.until('a has all of b', () => endOf(kit, 'a') === endOf(kit, 'b'));
      const { member: a } = kit.at('a');
      await kit.until('a has folded', () => a.broker.foldedOffset === b.broker.foldedOffset);
      const ends = [a, b].map((member) => member.broker.services.state.index.endOffset(0));
      expect(ends).toEqual([13, 13]);
      expect(kit.at('a').fatal).toBeUndefined();
    }),
  );

  it(
    'refuses orders of an epoch that is over, also after a restart',
    onGroup(PAIR, async (kit) => {
      expect(await kit.revoke('b', 5)).toBe(true);
      expect(await kit.follow('b', 4, 'a')).toBe(false);
      kit.at('b').node.crash();
      await kit.start('b');
      expect(await kit.revoke('b', 4)).toBe(false);
      expect(await kit.promote('b', kit.terms(4, ['b']))).toBe(false);
      expect(await kit.promote('b', kit.terms(5, ['b']))).toBe(true);
      // It leads in this epoch: it cannot follow in it.
      expect(await kit.follow('b', 5, 'a')).toBe(false);
    }),
  );

  it(
    'leaves a snapshot before it hands over, so that it soon follows',
    onGroup(
      PAIR,
      async (kit) => {
        await lead(kit, 'a', 1, PAIR);
        await kit.broker('a').createTopic('t', 1);
        await sendMany(kit, 'a', 'x'.repeat(1_000), 50);
        const { member } = kit.at('a');
        const order = { brokerName: 'broker-a', epoch: kit.terms(1, PAIR).epoch };
        expect(
          (await member.handOver({ ...order, targetMember: 'b', timeoutMs: 5_000 })).isReady,
        ).toBe(true);
        expect(await kit.revoke('a', 2)).toBe(true);
        await kit.until('opened anew', () => member.role === 'follower');
        expect(member.broker.recovery.foldedFrom).toBeGreaterThan(50_000);
      },
      { snapshotIntervalBytes: 1024 * 1024 },
    ),
  );

  it(
    'hands over without losing or doubling anything, and takes writes again when nobody comes',
    onGroup(PAIR, async (kit) => {
      await lead(kit, 'a', 1, PAIR);
      await kit.broker('a').createTopic('t', 1);
      await sendMany(kit, 'a', 'm', 5);
      const { member: a } = kit.at('a');
      const order = { brokerName: 'broker-a', epoch: kit.terms(1, PAIR).epoch };
      const handOver = { ...order, targetMember: 'b', timeoutMs: 500 };
      expect((await a.handOver(handOver)).isReady).toBe(true);
      expect(a.serving).toBeUndefined();
      expect(kit.at('b').member.broker.log.endOffset).toBe(a.broker.log.endOffset);
      await kit.until('a is the master again', () => a.serving !== undefined);
      kit.world.network.partition(['a'], ['b']);
      const held = kit.broker('a').send('t', 'held');
      await kit.world.sleep(1);
      expect((await a.handOver(handOver)).isReady).toBe(false);
      expect(a.role).toBe('master');
      kit.world.network.heal();
      expect((await held).message).toBe('OK');
    }),
  );

  it(
    'acknowledges nothing alone in async mode without a lease, and goes on with one',
    onGroup(PAIR, async (kit) => {
      await lead(kit, 'a', 1, PAIR, 'async');
      const broker = kit.broker('a');
      await broker.createTopic('t', 1);
      kit.world.network.partition(['a'], ['b']);
      const alone = await broker.send('t', 'alone');
      expect(alone.message).not.toBe('OK');
      const { member } = kit.at('a');
      member.leaseGranted(0, kit.at('a').node.environment.clock.monotonicMs());
      expect((await broker.send('t', 'leased')).message).toBe('OK');
      await kit.world.sleep(4_000);
      expect((await broker.send('t', 'over')).message).not.toBe('OK');
    }),
  );

  it(
    'copies its master when the log that it lacks has been deleted, also through crashes',
    onGroup(
      PAIR,
      async (kit) => {
        await kit.promote('a', kit.terms(1, ['a']));
        const { member: a, node } = kit.at('a');
        await kit.until('a is the master', () => a.role === 'master');
        await kit.broker('a').createTopic('t', 1);
        for (let i = 0; i < 40; i++) await sendMany(kit, 'a', `m${i}-`, 10);
        await kit.until('the log was cut', () => a.broker.log.startOffset > 0, 60_000);
        expect(node.isAlive).toBe(true);
        for (const life of [1, 2, 3, 4]) {
          const crashed = kit.at('b').node.crashAtDiskOperation(7 * life);
          void kit.follow('b', 1, 'a');
          await Promise.race([crashed, kit.world.sleep(500)]);
          kit.at('b').node.crash();
          await kit.start('b');
        }
        expect(await kit.follow('b', 1, 'a')).toBe(true);
        const { member: b } = kit.at('b');
        await kit.until('b has all', () => b.isOpen && endOf(kit, 'b') === endOf(kit, 'a'), 60_000);
        await kit.until('b has folded', () => b.broker.foldedOffset === a.broker.foldedOffset);
        const [fromA, fromB] = [a, b].map(({ broker }) => broker.services.state.index);
        expect(fromB?.endOffset(0)).toBe(fromA?.endOffset(0));
        expect(await kit.revoke('b', 2)).toBe(true);
        await kit.promote('b', kit.terms(2, ['b']));
        await kit.until('b is the master', () => b.role === 'master');
        expect((await kit.broker('b').send('t', 'more')).message).toBe('OK');
        expect(kit.at('b').fatal).toBeUndefined();
      },
      { segmentBytes: 2_000, retentionBytes: 8_000, retentionIntervalMs: 200 },
    ),
  );

  it(
    'resigns when its log fails, and can be promoted again in a new epoch',
    onGroup(PAIR, async (kit) => {
      await lead(kit, 'a', 1, ['a']);
      await kit.broker('a').createTopic('t', 1);
      const { node, member } = kit.at('a');
      node.drive.injectNext('sync', { kind: 'error', code: 'EIO' });
      expect((await kit.broker('a').send('t', 'm')).message).not.toBe('OK');
      expect(member.role).not.toBe('master');
      expect(await kit.promote('a', kit.terms(1, ['a']))).toBe(false);
      await kit.until('it is open again', () => !member.status().isUnfit);
      expect(await kit.promote('a', kit.terms(2, ['a']))).toBe(true);
      await kit.until('it is the master', () => member.role === 'master');
      expect((await kit.broker('a').send('t', 'n')).message).toBe('OK');
    }),
  );
});

function endOf(kit: MemberKit, name: string): number {
  return kit.at(name).member.status().logEndOffset;
}
