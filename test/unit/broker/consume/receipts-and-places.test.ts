/** Receipts, when the place of their message in its queue has been given to another one. */
import { describe, expect, it } from '@jest/globals';
import type { Received } from '../../../support/broker-kit.ts';
import { BrokerKit } from '../../../support/broker-kit.ts';
import { MemberKit } from '../../../support/member-kit.ts';
import { queueOffset } from '../../../../common/model/offsets.ts';
import { NO_STAMP } from '../../../../common/model/record-stamp.ts';
import { simulate } from '../../../simulation/world.ts';

/** A master that has just taken over may wait a little before it hands out. */
const POLL_MS = 1_000;
const INVALID: unknown = expect.stringContaining('[receipt-handle-invalid]');

interface Failover {
  readonly members: MemberKit;
  /** The master that took over without the end of the log. */
  readonly next: BrokerKit;
  /** Of messages that both masters have. */
  readonly kept: Received;
  /** Delivered by the master before, and taken back. */
  readonly lost: Received;
}

/** An asynchronous failover that takes a delivered message back; the next one sent has its place. */
const afterLoss = (body: (failover: Failover) => Promise<void>) => (): Promise<void> =>
  simulate(3, async (world) => {
    const members = await MemberKit.open(world, ['a', 'b']);
    await members.promote('a', members.terms(1, ['a', 'b'], 'async'));
    await members.follow('b', 1, 'a');
    await members.until('a is the master', () => members.at('a').member.role === 'master');
    const old = members.broker('a');
    await old.createTopic('t', 1);
    await old.createGroup('g');
    // What the group has subscribed to is not lost.
    await old.receive('g', 't');
    await old.sent('t', 'kept');
    const { member } = members.at('b');
    await members.until('b has it', () => member.broker.log.endOffset === endOf(old));
    world.network.partition(['a'], ['b']);
    const { node, member: master } = members.at('a');
    master.leaseGranted(0, node.environment.clock.monotonicMs());
    await old.sent('t', 'lost');
    const [kept, lost] = await old.receive('g', 't', { invisibleMs: 60_000 });
    await members.revoke('b', 2);
    await members.promote('b', members.terms(2, ['b'], 'async'));
    await members.until('b is the master', () => member.role === 'master');
    // Alone in its set it needs a lease too.
    member.leaseGranted(0, members.at('b').node.environment.clock.monotonicMs());
    const next = members.broker('b');
    const there = await next.sent('t', 'there');
    expect(there).toBe(lost?.queueOffset);
    await body({ members, next, kept: kept!, lost: lost! });
  });

function endOf(kit: BrokerKit): number {
  return kit.broker.log.endOffset;
}

/** As a broker made it that knew of no stamps. */
function withoutStamp(kit: BrokerKit, text: string): string {
  const { receipts } = kit.services;
  const decoded = receipts.decode(text);
  if (!decoded.ok) throw new Error(decoded.reason);
  return receipts.encode({ ...decoded.handle, stamp: NO_STAMP });
}

describe('a receipt of a message that a failover took back', () => {
  it(
    'settles nothing in flight with the same attempt at its place',
    afterLoss(async ({ next, lost }) => {
      const [first, there] = await next.receive('g', 't', { pollMs: POLL_MS, invisibleMs: 20_000 });
      expect([first?.id, there?.id]).toEqual(['kept', 'there']);
      expect(there).toMatchObject({ queueOffset: lost.queueOffset, attempt: lost.attempt });
      expect(await next.ack('g', 't', lost.handle)).toEqual(INVALID);
      expect((await next.changeInvisible('g', 't', lost.handle, 0)).status).toEqual(INVALID);
      expect(await next.bury('g', 't', lost.handle)).toEqual(INVALID);
      expect(await next.receive('g', 't')).toEqual([]);
      expect(await next.ack('g', 't', there!.handle)).toBe('OK');
    }),
  );

  it(
    'settles nothing that nobody has received yet',
    afterLoss(async ({ next, lost }) => {
      const answers = await Promise.all([
        next.ack('g', 't', lost.handle),
        next.bury('g', 't', lost.handle),
        next.changeInvisible('g', 't', lost.handle, 60_000).then(({ status }) => status),
      ]);
      expect(answers).toEqual([INVALID, INVALID, INVALID]);
      const received = await next.receive('g', 't', { pollMs: POLL_MS });
      expect(received.map(({ id, attempt }) => ({ id, attempt }))).toEqual([
        { id: 'kept', attempt: 1 },
        { id: 'there', attempt: 1 },
      ]);
    }),
  );

  it(
    'is answered as done when the other message is acknowledged: there is nothing to repeat',
    afterLoss(async ({ next, lost }) => {
      for (const { handle } of await next.receive('g', 't', { pollMs: POLL_MS }))
        expect(await next.ack('g', 't', handle)).toBe('OK');
      expect(await next.ack('g', 't', lost.handle)).toBe('OK');
    }),
  );
});

describe('a receipt of a message that an unclean election took back', () => {
  it(
    'settles nothing of the older epoch that is there instead',
    afterLoss(async ({ members, next, lost }) => {
      const [, there] = await next.receive('g', 't', { pollMs: POLL_MS, invisibleMs: 60_000 });
      members.at('b').node.kill();
      // The master before the one that has died never followed that one: it still has the end of its own epoch.
      await members.revoke('a', 3);
      const { member, node } = members.at('a');
      await members.promote('a', members.terms(3, ['a'], 'async'));
      await members.until('a is the master again', () => member.role === 'master');
      member.leaseGranted(0, node.environment.clock.monotonicMs());
      const again = members.broker('a');
      expect(await again.ack('g', 't', there!.handle)).toEqual(INVALID);
      const received = await again.receive('g', 't', { pollMs: POLL_MS });
      expect(received.map(({ id }) => id)).toEqual(['kept', 'lost']);
      expect(await again.ack('g', 't', there!.handle)).toEqual(INVALID);
      expect(await again.ack('g', 't', lost.handle)).toBe('OK');
    }),
  );
});

describe('a receipt of a message that a failover kept', () => {
  it(
    'is good at the next master, before and after that one has delivered it too',
    afterLoss(async ({ next, kept }) => {
      const changed = await next.changeInvisible('g', 't', kept.handle, 60_000);
      expect(changed).toEqual({ status: 'OK', handle: kept.handle });
      const others = await next.receive('g', 't', { pollMs: POLL_MS });
      expect(others.map(({ id }) => id)).toEqual(['there']);
      const answers = await Promise.all([1, 2].map(() => next.ack('g', 't', kept.handle)));
      expect(answers).toEqual(['OK', 'OK']);
    }),
  );

  it(
    'is good in the form of brokers that knew of no stamps',
    afterLoss(async ({ next, kept }) => {
      const [again] = await next.receive('g', 't', { count: 1, pollMs: POLL_MS });
      expect(again?.id).toBe('kept');
      expect(await next.ack('g', 't', withoutStamp(next, kept.handle))).toBe('OK');
    }),
  );

  it(
    'is refused when it names a place that has no message',
    afterLoss(async ({ next, kept }) => {
      const { receipts } = next.services;
      const decoded = receipts.decode(kept.handle);
      if (!decoded.ok) throw new Error(decoded.reason);
      const beyond = receipts.encode({ ...decoded.handle, queueOffset: queueOffset(7) });
      expect(await next.ack('g', 't', beyond)).toEqual(INVALID);
    }),
  );
});

describe('a receipt of a message that a power loss took back', () => {
  it('settles nothing at its place', () =>
    simulate(5, async (world) => {
      const options = { flush: 'async', flushIntervalMs: 10_000 } as const;
      const node = world.addNode('b');
      const kit = await BrokerKit.open(node.environment, options);
      await kit.createTopic('t');
      await kit.createGroup('g');
      await kit.receive('g', 't');
      await kit.broker.log.sync();
      await kit.sent('t', 'lost');
      const [lost] = await kit.receive('g', 't');
      node.crash();
      const again = await BrokerKit.open(node.restart(), options);
      expect(await again.sent('t', 'there')).toBe(lost?.queueOffset);
      expect(await again.ack('g', 't', lost!.handle)).toEqual(INVALID);
      expect(await again.receive('g', 't')).toMatchObject([{ id: 'there', attempt: 1 }]);
      expect(await again.ack('g', 't', lost!.handle)).toEqual(INVALID);
    }));
});

describe('a receipt of a message that was carried forward', () => {
  it('is good after a restart: the copy says which message it is', () =>
    simulate(7, async (world) => {
      const options = { segmentBytes: 1_500, retentionBytes: 3_000, retentionIntervalMs: 500 };
      const node = world.addNode('b');
      const kit = await BrokerKit.open(node.environment, options);
      await kit.sent('t', 'held');
      const [held] = await kit.receive('g', 't', { count: 1, invisibleMs: 3_600_000 });
      for (let i = 0; i < 60; i++) {
        await kit.sent('t', `${i}`, { body: 'x'.repeat(100) });
        await world.sleep(50);
      }
      expect(kit.services.state.relocations.count).toBe(1);
      node.crash();
      const again = await BrokerKit.open(node.restart(), options);
      expect(again.services.state.relocations.count).toBe(1);
      expect(await again.ack('g', 't', held!.handle)).toBe('OK');
      const received = await again.receive('g', 't', { count: 1 });
      expect(received).not.toMatchObject([{ id: 'held' }]);
    }));
});
