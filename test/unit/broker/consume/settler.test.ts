import { describe, expect, it } from '@jest/globals';
import type { SimNode } from '../../../simulation/sim-node.ts';
import { simulate, type World } from '../../../simulation/world.ts';
import { BrokerKit } from '../../../support/broker-kit.ts';

interface Stage {
  world: World;
  node: SimNode;
  kit: BrokerKit;
}

const withMessage = (body: (stage: Stage, handle: string) => Promise<void>) => (): Promise<void> =>
  simulate(1, async (world) => {
    const node = world.addNode('b');
    const kit = await BrokerKit.open(node.environment);
    await kit.sent('t', 'm');
    const [message] = await kit.receive('g', 't', { invisibleMs: 10_000 });
    await body({ world, node, kit }, message!.handle);
  });

const EIO = { kind: 'error', code: 'EIO' } as const;

describe('two settlements of one delivery at the same time', () => {
  it(
    'are one: both acknowledgements are answered OK',
    withMessage(async ({ kit }, handle) => {
      const answers = await Promise.all([1, 2, 3].map(() => kit.ack('g', 't', handle)));
      expect(answers).toEqual(['OK', 'OK', 'OK']);
      expect(kit.services.attempts.count).toBe(0);
    }),
  );

  it(
    'do not bury what is being acknowledged',
    withMessage(async ({ kit }, handle) => {
      const answers = await Promise.all([kit.ack('g', 't', handle), kit.bury('g', 't', handle)]);
      expect(answers).toEqual(['OK', 'OK']);
      expect(await kit.receive('undertaker', '%DLQ%g')).toEqual([]);
    }),
  );

  it(
    'bury a message once',
    withMessage(async ({ kit }, handle) => {
      const answers = await Promise.all([kit.bury('g', 't', handle), kit.bury('g', 't', handle)]);
      // The later one may be told to come again; it is never told that the message was lost.
      expect(answers[0]).toBe('OK');
      expect(await kit.bury('g', 't', handle)).toBe('OK');
      expect(await kit.receive('undertaker', '%DLQ%g')).toMatchObject([{ id: 'm' }]);
    }),
  );

  it(
    'refuse to postpone what is acknowledged already',
    withMessage(async ({ kit }, handle) => {
      const [acked, changed] = await Promise.all([
        kit.ack('g', 't', handle),
        kit.changeInvisible('g', 't', handle, 5_000),
      ]);
      expect(acked).toBe('OK');
      expect(changed.status).toContain('[receipt-handle-invalid]');
      expect(kit.services.attempts.count).toBe(0);
    }),
  );
});

describe('a settlement that the disk refuses', () => {
  it(
    'leaves the delivery open for the same handle, and its retry counts',
    withMessage(async ({ kit, node, world }, handle) => {
      node.drive.injectNext('write', EIO);
      expect(await kit.ack('g', 't', handle)).toContain('[outcome-unknown]');
      await world.sleep(2_000);
      expect(await kit.receive('g', 't')).toEqual([]);
      expect(await kit.ack('g', 't', handle)).toBe('OK');
      await world.sleep(60_000);
      expect(await kit.receive('g', 't')).toEqual([]);
      node.crash();
      const again = await BrokerKit.open(node.restart());
      expect(await again.receive('g', 't')).toEqual([]);
    }),
  );

  it(
    'does not shorten the time for which the consumer has the message',
    withMessage(async ({ kit, node, world }, handle) => {
      const changed = await kit.changeInvisible('g', 't', handle, 60_000);
      node.drive.injectNext('write', EIO);
      expect(await kit.ack('g', 't', changed.handle)).toContain('[outcome-unknown]');
      await world.sleep(55_000);
      expect(await kit.receive('g', 't')).toEqual([]);
      expect(await kit.ack('g', 't', changed.handle)).toBe('OK');
    }),
  );

  it(
    'gives the message to another consumer when nobody tries again',
    withMessage(async ({ kit, node, world }, handle) => {
      node.drive.injectNext('write', EIO);
      expect(await kit.ack('g', 't', handle)).toContain('[outcome-unknown]');
      await world.sleep(20_000);
      expect(await kit.receive('g', 't')).toMatchObject([{ id: 'm', attempt: 2 }]);
    }),
  );

  it(
    'does not end an attempt twice when its invisible time runs out meanwhile',
    withMessage(async ({ kit, node, world }) => {
      await world.sleep(9_990);
      node.drive.injectNext('write', EIO);
      await world.sleep(15_000);
      expect(await kit.receive('g', 't')).toMatchObject([{ id: 'm', attempt: 2 }]);
    }),
  );
});

describe('a delivery from before a restart', () => {
  it(
    'may be postponed with its handle, and counts as an attempt when it ends',
    withMessage(async ({ node, world }, handle) => {
      node.crash();
      const kit = await BrokerKit.open(node.restart());
      const changed = await kit.changeInvisible('g', 't', handle, 3_000);
      expect(changed.status).toBe('OK');
      expect(await kit.receive('g', 't')).toEqual([]);
      await world.sleep(3_500);
      expect(await kit.receive('g', 't')).toMatchObject([{ id: 'm', attempt: 2 }]);
      expect(await kit.ack('g', 't', handle)).toContain('[receipt-handle-invalid]');
    }),
  );

  it(
    'that had ended waits no longer than its group would, when the clock that said until when was ahead',
    withMessage(async ({ node, world }) => {
      await world.sleep(10_500);
      node.crash();
      node.clock.jump(-60_000);
      const kit = await BrokerKit.open(node.restart());
      expect(await kit.receive('g', 't', { pollMs: 1_500 })).toMatchObject([{ attempt: 2 }]);
    }),
  );

  it('whose message retention has taken is acknowledged in the log all the same: other members may have it', () =>
    simulate(1, async (world) => {
      const options = { segmentBytes: 1_500, retentionBytes: 3_000, retentionIntervalMs: 500 };
      const node = world.addNode('b');
      const before = await BrokerKit.open(node.environment, options);
      await before.sent('t', 'm');
      const [message] = await before.receive('g', 't');
      node.crash();
      const kit = await BrokerKit.open(node.restart(), options);
      for (let count = 0; count < 20; count++)
        await kit.sent('t', `later-${count}`, { body: 'x'.repeat(500) });
      await world.sleep(2_000);
      await kit.receive('g', 't', { count: 1 });
      const { log } = kit.broker;
      const { endOffset } = log;
      expect(await kit.ack('g', 't', message!.handle)).toBe('OK');
      expect(log.endOffset).toBeGreaterThan(endOffset);
    }));
});
