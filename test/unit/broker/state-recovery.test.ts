import { describe, expect, it } from '@jest/globals';
import type { NodeOptions } from '../../../common/options/node-options.ts';
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
