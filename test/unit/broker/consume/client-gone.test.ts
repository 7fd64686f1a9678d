import { describe, expect, it } from '@jest/globals';
import { BrokerKit } from '../../../support/broker-kit.ts';
import { simulate } from '../../../simulation/world.ts';

describe('a client that has gone', () => {
  it('gives its messages to others of its group at once, and no other group is looked at', () =>
    simulate(1, async (world) => {
      const kit = await BrokerKit.open(world.addNode('b').environment);
      await kit.createTopic('t', 2);
      for (let i = 0; i < 4; i++) await kit.sent('t', `m${i}`);
      for (const group of ['g', 'other']) {
        await kit.register(`${group}-1`, group, { t: '*' });
        const held = await kit.receive(group, 't', { client: `${group}-1`, autoRenew: true });
        expect(held.length).toBe(4);
      }
      const other = kit.services.state.groups.get('other')!;
      const { topics } = other;
      // Scanning every queue of the broker for each client that leaves would hold up everything else.
      Object.defineProperty(other, 'topics', {
        configurable: true,
        get: () => {
          throw new Error('another group was looked at');
        },
      });
      await kit.access.removeClient('g-1');
      Object.defineProperty(other, 'topics', { value: topics });
      await world.sleep(10);
      const again = await kit.receive('g', 't', { client: 'g-2' });
      expect(again.map(({ id, attempt }) => [id, attempt]).sort()).toEqual(
        [0, 1, 2, 3].map((i) => [`m${i}`, 2]),
      );
      expect(await kit.receive('other', 't', { client: 'other-2' })).toEqual([]);
    }));
});
