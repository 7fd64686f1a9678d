import { describe, expect, it } from '@jest/globals';
import type { TopicConfig } from '../../../../common/model/topic.ts';
import { BrokerKit } from '../../../support/broker-kit.ts';
import { simulate } from '../../../simulation/world.ts';

const topic = (name: string, queueCount: number): TopicConfig => ({
  name,
  queueCount,
  type: 'NORMAL',
  permission: 'READ_WRITE',
  retentionMs: undefined,
});

/** A broker that takes four queues in all, two of them taken, and what makes its log fail and work again. */
const withLimits =
  (
    body: (kit: BrokerKit, stage: { fail: () => void; heal: () => Promise<void> }) => Promise<void>,
  ) =>
  (): Promise<void> =>
    simulate(1, async (world) => {
      const node = world.addNode('b');
      const kit = await BrokerKit.open(node.environment, { maxQueues: 4 });
      await kit.createTopic('t', 2);
      const fault = { kind: 'error', code: 'EIO' } as const;
      await body(kit, {
        fail: () =>
          node.drive.inject({ operation: 'write', pathSuffix: '.log', times: Infinity, fault }),
        heal: async () => {
          node.drive.clearInjections();
          await world.sleep(60_000);
        },
      });
    });

describe('the limit of queues', () => {
  const refused = { code: expect.stringMatching(/log-failed|outcome-unknown/) };
  const full = { code: 'limit-reached' };

  it(
    'is not used up by creations and growth that the log refused',
    withLimits(async ({ services: { admin } }, { fail, heal }) => {
      fail();
      await expect(admin.createTopic(topic('u', 2))).rejects.toMatchObject(refused);
      await expect(admin.createTopic(topic('u', 2))).rejects.toMatchObject(refused);
      await expect(admin.updateTopic(topic('t', 4))).rejects.toMatchObject(refused);
      await heal();
      await expect(admin.createTopic(topic('u', 3))).rejects.toMatchObject(full);
      await admin.createTopic(topic('u', 2));
      await expect(admin.createTopic(topic('v', 1))).rejects.toMatchObject(full);
    }),
  );

  it(
    'is not raised by a deletion that the log refused, or that is asked for twice',
    withLimits(async ({ services: { admin } }, { fail, heal }) => {
      fail();
      await expect(admin.deleteTopic('t')).rejects.toMatchObject(refused);
      await heal();
      await expect(admin.createTopic(topic('u', 3))).rejects.toMatchObject(full);
      await Promise.allSettled([admin.deleteTopic('t'), admin.deleteTopic('t')]);
      await expect(admin.createTopic(topic('u', 5))).rejects.toMatchObject(full);
      await admin.createTopic(topic('u', 4));
    }),
  );

  it(
    'counts what is on its way, and gives back what was deleted',
    withLimits(async ({ services: { admin } }) => {
      const made = await Promise.allSettled(
        ['u', 'v'].map((name) => admin.createTopic(topic(name, 2))),
      );
      expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      await admin.deleteTopic('t');
      await admin.createTopic(topic('w', 2));
      await expect(admin.createTopic(topic('x', 1))).rejects.toMatchObject({
        code: 'limit-reached',
      });
    }),
  );
});
