import { describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../../../operator/api/object-meta.ts';
import { KubeError, type KubeFailure } from '../../../../operator/kube/kube-error.ts';
import type { WatchEvent } from '../../../../operator/kube/kube-client.ts';
import { Reflector } from '../../../../operator/kube/reflector.ts';
import { resource } from '../../../../operator/kube/resource.ts';
import { KubePortsKit, metricValue, settle } from '../../../support/kube-ports.ts';

const THINGS = resource<KubernetesObject>('v1', 'Thing', 'things');

const thing = (name: string, uid: string, version: number): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name, namespace: 'n', uid, resourceVersion: String(version) },
});

/** A server whose lists and watches are written down by the test. */
class Script {
  readonly calls: string[] = [];
  readonly lists: (KubernetesObject[] | KubeFailure)[] = [];
  readonly watches: (WatchEvent<KubernetesObject>[] | KubeFailure)[] = [];

  get client() {
    return {
      list: async () => {
        this.calls.push('list');
        const next = this.lists.shift() ?? [];
        if (typeof next === 'string') throw failure(next);
        return { items: next, resourceVersion: 'L' };
      },
      watch: (_: unknown, options: { resourceVersion: string; signal?: AbortSignal }) =>
        this.#watch(options),
    } as never;
  }

  async *#watch({ resourceVersion, signal }: { resourceVersion: string; signal?: AbortSignal }) {
    this.calls.push(`watch ${resourceVersion}`);
    const next = this.watches.shift();
    if (typeof next === 'string') throw failure(next);
    yield* next ?? [];
    if (next !== undefined) return;
    await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
    throw failure('aborted');
  }
}

const failure = (kind: KubeFailure, retryAfterMs?: number) =>
  new KubeError({ kind, status: 0, message: kind, retryAfterMs });

function reflectorOf(script: Script) {
  const kit = new KubePortsKit();
  const reflector = new Reflector(THINGS, { ...kit.ports, client: script.client });
  const told: string[] = [];
  reflector.onChange(({ type, object }) => told.push(`${type} ${object.metadata.name}`));
  reflector.start();
  return { kit, reflector, told };
}

describe('the reflector', () => {
  it('lists, says when the copy is complete, and goes on where the list ended', async () => {
    const script = new Script();
    script.lists.push([thing('a', '1', 1)]);
    const { reflector, told } = reflectorOf(script);
    expect(reflector.hasSynced).toBe(false);
    await reflector.synced();
    expect(reflector.store.size).toBe(1);
    await settle();
    expect(script.calls).toEqual(['list', 'watch L']);
    expect(told).toEqual(['added a']);
    await reflector.stop();
  });

  it('goes on after a watch ended from the last version that it saw, bookmarks included', async () => {
    const script = new Script();
    script.watches.push([{ type: 'ADDED', object: thing('a', '1', 7) }]);
    script.watches.push([{ type: 'BOOKMARK', resourceVersion: '12' }]);
    const { reflector } = reflectorOf(script);
    await settle();
    expect(script.calls).toEqual(['list', 'watch L', 'watch 7', 'watch 12']);
    await reflector.stop();
  });

  it('lists again when its version is gone, and finds what it missed', async () => {
    const script = new Script();
    script.lists.push([thing('a', '1', 1), thing('b', '2', 2)], [thing('b', '3', 9)]);
    script.watches.push('gone');
    const { kit, reflector, told } = reflectorOf(script);
    await settle();
    expect(script.calls).toEqual(['list', 'watch L']);
    await kit.pass(1_300);
    expect(script.calls).toEqual(['list', 'watch L', 'list', 'watch L']);
    expect(told).toEqual(['added a', 'added b', 'deleted a', 'deleted b', 'added b']);
    await reflector.stop();
  });

  it('waits longer and longer while nothing works, and begins anew once something did', async () => {
    const script = new Script();
    script.lists.push('unreachable', 'unreachable', 'unreachable', []);
    script.watches.push([{ type: 'BOOKMARK', resourceVersion: '1' }], 'unreachable');
    const { kit, reflector } = reflectorOf(script);
    await kit.pass(1_200 + 2_400 + 4_700, 100);
    expect(script.calls).toEqual(['list', 'list', 'list']);
    await kit.pass(100, 100);
    expect(script.calls.slice(3)).toEqual(['list', 'watch L', 'watch 1']);
    await kit.pass(1_200, 100);
    expect(script.calls.slice(6)).toEqual(['watch 1']);
    const unreachable = ['resource="things"', 'end="unreachable"'];
    expect(await metricValue(kit.metrics, 'orbitmq_kube_watches_total', ...unreachable)).toBe(1);
    await reflector.stop();
  });

  it('does not spin on watches that end at once without bringing anything', async () => {
    const script = new Script();
    script.watches.push(...Array.from({ length: 50 }, () => []));
    const { kit, reflector } = reflectorOf(script);
    await kit.pass(60_000, 200);
    expect(script.calls.length).toBeLessThan(10);
    await reflector.stop();
  });

  it('hands the mistakes of its listeners on, and goes on', async () => {
    const script = new Script();
    script.lists.push([thing('a', '1', 1), thing('b', '2', 2)]);
    const kit = new KubePortsKit();
    const reflector = new Reflector(THINGS, { ...kit.ports, client: script.client });
    const bug = new Error('a bug');
    const heard: string[] = [];
    reflector.onChange(() => {
      throw bug;
    });
    reflector.onChange(({ object }) => heard.push(object.metadata.name));
    reflector.start();
    await reflector.synced();
    expect(kit.bugs).toEqual([bug, bug]);
    expect(heard).toEqual(['a', 'b']);
    await reflector.stop();
  });

  it('tells how old its copy may be, and lets go of who waits when it stops', async () => {
    const script = new Script();
    script.lists.push('forbidden');
    const { kit, reflector } = reflectorOf(script);
    const synced = reflector.synced();
    await kit.pass(500, 500);
    expect(reflector.ageMs).toBe(500);
    await reflector.stop();
    await synced;
    expect(reflector.hasSynced).toBe(false);
    expect(kit.time.waiting).toBe(0);
  });
});
