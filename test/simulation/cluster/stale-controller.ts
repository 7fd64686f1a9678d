import type { GroupRecord } from '../../../operator/failover/core/group-record.ts';
import type { StoredGroup } from '../../../operator/failover/group-store.ts';
import { replace } from '../replace-method.ts';
import type { World } from '../world.ts';
import { SimGroupStore } from './sim-group-store.ts';

const CONTROLLER = 'ctl-1';
/** So late it hears of what others have stored. */
const STALE_MS = 700;

interface Cached {
  readonly stored: StoredGroup;
  readonly atMs: number;
}

/**
 * One of two controllers decides by a cache, into which its own changes go at once and those of the other one late. That alone
 * does no harm: the swap compares with the version that was read. With `isBlind` it compares with the present one.
 */
export function readsStale(world: World, isBlind: boolean): () => void {
  const caches = new WeakMap<object, Map<string, Cached>>();
  const cacheOf = (store: unknown): Map<string, Cached> => {
    const cache = caches.get(store as object) ?? new Map<string, Cached>();
    caches.set(store as object, cache);
    return cache;
  };
  const isStale = (): boolean => world.scheduler.owner?.name === CONTROLLER;
  const keep = (store: unknown, stored: StoredGroup): void => {
    cacheOf(store).set(stored.record.brokerName, { stored, atMs: world.scheduler.nowMs });
  };
  const readNow = (store: unknown, name: string): Promise<StoredGroup | undefined> => {
    cacheOf(store).delete(name);
    return (store as SimGroupStore).read(name);
  };
  const ends = [
    replace(SimGroupStore.prototype, 'read', (read, store) => async (name) => {
      if (!isStale()) return read(name);
      const known = cacheOf(store).get(name as string);
      if (known && world.scheduler.nowMs - known.atMs < STALE_MS) return known.stored;
      const stored = (await read(name)) as StoredGroup | undefined;
      if (stored) keep(store, stored);
      return stored;
    }),
    replace(SimGroupStore.prototype, 'write', (write, store) => async (...args) => {
      const [name, record, version] = args as [string, GroupRecord, string | undefined];
      if (!isStale()) return write(name, record, version);
      const present = isBlind ? ((await readNow(store, name))?.version ?? version) : version;
      const outcome = await write(name, record, present);
      // Its own change it hears of at once, of a conflict it learns nothing.
      if (outcome === 'written') cacheOf(store).delete(name);
      if (outcome === 'written' && isBlind) keep(store, { record, version: 'any' });
      return outcome;
    }),
  ];
  return () => {
    for (const end of ends.toReversed()) end();
  };
}
