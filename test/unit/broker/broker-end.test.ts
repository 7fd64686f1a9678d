import { describe, expect, it } from '@jest/globals';
import type { Disk } from '../../../common/environment/disk.ts';
import type { Environment } from '../../../common/environment/environment.ts';
import { BrokerKit } from '../../support/broker-kit.ts';
import type { SimNode } from '../../simulation/sim-node.ts';
import { simulate, type World } from '../../simulation/world.ts';

const within = (body: (node: SimNode, world: World) => Promise<void>) => (): Promise<void> =>
  simulate(1, (world) => body(world.addNode('b'), world));

/** The same environment, and the paths of the files that are open through it. */
function watched(environment: Environment): { environment: Environment; openPaths: Set<string> } {
  const openPaths = new Set<string>();
  const { disk } = environment;
  const open: Disk['open'] = async (path, options) => {
    const file = await disk.open(path, options);
    openPaths.add(path);
    const close = file.close.bind(file);
    file.close = async () => {
      openPaths.delete(path);
      await close();
    };
    return file;
  };
  const watching = new Proxy(disk, {
    get: (target, name) => {
      if (name === 'open') return open;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  return { environment: { ...environment, disk: watching }, openPaths };
}

const eio = { kind: 'error', code: 'EIO' } as const;

describe('the end of a broker', () => {
  it(
    'closes log and index and frees the directory when the log cannot be synced, and says so once',
    within(async (node) => {
      const { environment, openPaths } = watched(node.environment);
      const kit = await BrokerKit.open(environment, { flush: 'async', flushIntervalMs: 60_000 });
      await kit.sent('t', 'm0');
      node.drive.inject({ operation: 'sync', pathSuffix: '.log', times: 1, fault: eio });
      await expect(kit.broker.stop()).rejects.toMatchObject({ kind: 'log-failed' });
      expect([...openPaths]).toEqual([]);
      const again = await BrokerKit.open(node.environment);
      expect((await again.send('t', 'm1')).message).toBe('OK');
    }),
  );

  it(
    'closes everything and frees the directory when it cannot even start, whichever step fails',
    within(async (node) => {
      const first = await BrokerKit.open(node.environment);
      for (let i = 0; i < 3; i++) await first.sent('t', `m${i}`);
      node.crash();
      node.restart();
      const { drive } = node;
      const failures = new Set<string>();
      for (const operation of [
        'open',
        'size',
        'read',
        'readFile',
        'write',
        'sync',
        'list',
      ] as const) {
        for (let nth = 1, isBeyond = false; !isBeyond; nth++) {
          const { environment, openPaths } = watched(node.environment);
          const ordinal = drive.operationCount(operation) + nth;
          drive.inject({ operation, ordinal, fault: eio });
          const opened = await BrokerKit.open(environment).catch((error: unknown) => {
            failures.add((error as Error).message.slice(0, 30));
            expect([operation, nth, ...openPaths]).toEqual([operation, nth]);
          });
          drive.clearInjections();
          isBeyond = drive.operationCount(operation) < ordinal;
          await opened?.broker.stop();
          expect([operation, nth, ...openPaths]).toEqual([operation, nth]);
        }
      }
      expect(failures.size).toBeGreaterThan(2);
      const again = await BrokerKit.open(node.environment);
      expect((await again.receive('g', 't')).length).toBe(3);
    }),
  );
});
