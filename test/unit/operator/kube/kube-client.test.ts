import { describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../../../operator/api/object-meta.ts';
import { KubeClient } from '../../../../operator/kube/kube-client.ts';
import type { KubeAnswer, KubeRequest } from '../../../../operator/kube/kube-transport.ts';
import {
  resource,
  resourceOf,
  resourcePath,
  RESOURCES,
} from '../../../../operator/kube/resource.ts';
import { KubePortsKit, metricValue, settle } from '../../../support/kube-ports.ts';

const THINGS = resource<KubernetesObject>('g/v1', 'Thing', 'things');

interface Reply {
  readonly status?: number;
  readonly body?: object | string;
  readonly retryAfter?: string;
  readonly warnings?: readonly string[];
}

/** Answers in order; `undefined` never answers. */
function clientOf(replies: (Reply | undefined)[], rate = { perSecond: 1e6, burst: 1e6 }) {
  const kit = new KubePortsKit();
  const requests: KubeRequest[] = [];
  const transport = {
    request: async (request: KubeRequest): Promise<KubeAnswer> => {
      requests.push(request);
      const reply = replies.shift();
      if (reply === undefined) {
        await new Promise<void>((_, reject) =>
          request.signal.addEventListener('abort', () => reject(new Error('aborted'))),
        );
      }
      const { status = 200, body = {}, retryAfter, warnings = [] } = reply ?? {};
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      return { status, retryAfter, warnings, body: pieces(text) };
    },
    close: async () => undefined,
  };
  const client = new KubeClient({ ...kit.ports, transport, rate }, 'orbitmq-operator');
  return { kit, client, requests };
}

/** A byte at a time, so that nothing relies on where a stream is cut. */
async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  for (const byte of Buffer.from(text)) yield Uint8Array.of(byte);
}

const at = { name: 'a', namespace: 'n' };

describe('an address', () => {
  it('has the group, the namespace and the part that it is about', () => {
    expect(resourcePath(RESOURCES.pods, 'n', 'p')).toBe('/api/v1/namespaces/n/pods/p');
    expect(resourcePath(RESOURCES.pods, undefined)).toBe('/api/v1/pods');
    expect(resourcePath(RESOURCES.nodes, 'n', 'x')).toBe('/api/v1/nodes/x');
    expect(resourcePath(THINGS, 'n', 'a', 'status')).toBe(
      '/apis/g/v1/namespaces/n/things/a/status',
    );
  });

  it('is found by the kind of an object', () => {
    const known = Object.values(RESOURCES);
    expect(resourceOf({ apiVersion: 'apps/v1', kind: 'StatefulSet' }, known)?.plural).toBe(
      'statefulsets',
    );
    expect(resourceOf({ apiVersion: 'apps/v2', kind: 'StatefulSet' }, known)).toBeUndefined();
  });
});

describe('the client', () => {
  it('lists page by page, and without pages when the server has forgotten where the first one began', async () => {
    const page = (name: string, next?: string) => ({
      body: { metadata: { resourceVersion: '7', continue: next }, items: [{ metadata: { name } }] },
    });
    const gone = { status: 410, body: { reason: 'Expired', message: 'too old' } };
    const { client, requests } = clientOf([page('a', 'x y'), gone, page('b')]);
    const { items, resourceVersion } = await client.list(THINGS, { labelSelector: 'a=b' });
    expect(resourceVersion).toBe('7');
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['b']);
    expect(requests.map(({ path }) => path)).toEqual([
      '/apis/g/v1/things?labelSelector=a%3Db&limit=500',
      '/apis/g/v1/things?labelSelector=a%3Db&limit=500&continue=x+y',
      '/apis/g/v1/things?labelSelector=a%3Db',
    ]);
  });

  it.each([
    [401, 'Unauthorized', 'forbidden'],
    [403, 'Forbidden', 'forbidden'],
    [404, 'NotFound', 'not-found'],
    [409, 'Conflict', 'conflict'],
    [409, 'AlreadyExists', 'already-exists'],
    [410, 'Expired', 'gone'],
    [422, 'Invalid', 'invalid'],
    [400, 'BadRequest', 'invalid'],
    [429, 'TooManyRequests', 'too-many-requests'],
    [500, 'InternalError', 'unreachable'],
    [504, 'Timeout', 'unreachable'],
  ])('calls HTTP %i %s %s', async (status, reason, kind) => {
    const { client } = clientOf([{ status, body: { reason, message: 'because' } }]);
    await expect(client.get(THINGS, at)).rejects.toMatchObject({
      kind,
      status,
      reason,
      message: 'get things n/a: because',
    });
  });

  it('understands answers that are no Status, and times to wait in header or body', async () => {
    const { client } = clientOf([
      { status: 503, body: 'upstream connect error' },
      { status: 429, body: { details: { retryAfterSeconds: 2 } } },
      { status: 429, retryAfter: '5', body: {} },
      { body: '{"cut' },
    ]);
    const failed = async () => client.get(THINGS, at).catch((error: unknown) => error);
    expect(await failed()).toMatchObject({ message: 'get things n/a: upstream connect error' });
    expect(await failed()).toMatchObject({ retryAfterMs: 2_000 });
    expect(await failed()).toMatchObject({ retryAfterMs: 5_000 });
    expect(await failed()).toMatchObject({ kind: 'unreachable' });
  });

  it('ends every call in time, and lets go of the signal of its caller', async () => {
    const { client, kit } = clientOf([undefined, undefined]);
    const late = client.get(THINGS, at, { timeoutMs: 100 }).catch((error: unknown) => error);
    await kit.pass(100);
    expect(await late).toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('in time'),
    });
    const caller = new AbortController();
    const given = client
      .get(THINGS, at, { signal: caller.signal })
      .catch((error: unknown) => error);
    await settle();
    caller.abort();
    expect(await given).toMatchObject({ kind: 'aborted' });
    expect(kit.time.waiting).toBe(0);
  });

  it('keeps to its rate', async () => {
    const { client, kit, requests } = clientOf([{}, {}, {}, {}], { perSecond: 10, burst: 2 });
    const calls = Promise.all([1, 2, 3, 4].map(() => client.get(THINGS, at)));
    await settle();
    expect(requests).toHaveLength(2);
    await kit.pass(100, 50);
    expect(requests).toHaveLength(3);
    await kit.pass(100, 50);
    await calls;
  });

  it('reads events, whether they change things, only move on, or end it', async () => {
    const events = [
      { type: 'ADDED', object: { metadata: { name: 'a', resourceVersion: '1' } } },
      { type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } },
      { type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old' } },
    ];
    const body = events.map((event) => JSON.stringify(event)).join('\n') + '\n';
    const { client, requests, kit } = clientOf([{ body }]);
    const seen: unknown[] = [];
    const watching = (async () => {
      const options = { resourceVersion: '0', timeoutSeconds: 300, inactivityMs: 1_000 };
      for await (const event of client.watch(THINGS, options)) seen.push(event);
    })();
    await expect(watching).rejects.toMatchObject({
      kind: 'gone',
      message: 'watch things: too old',
    });
    expect(seen).toEqual([
      { type: 'ADDED', object: events[0]?.object },
      { type: 'BOOKMARK', resourceVersion: '9' },
    ]);
    expect(requests[0]?.path).toContain('allowWatchBookmarks=true&resourceVersion=0');
    expect(requests[0]?.signal.aborted).toBe(true);
    expect(kit.time.waiting).toBe(0);
  });

  it('counts calls by what became of them, and hands warnings on once', async () => {
    const warnings = ['299 - "unknown field"'];
    const { client, kit } = clientOf([{ warnings }, { warnings }, { status: 404 }]);
    await client.get(THINGS, at);
    await client.get(THINGS, at);
    await client.find(THINGS, at);
    const labels = ['verb="get"', 'resource="things"'];
    const count = async (code: string) =>
      metricValue(kit.metrics, 'orbitmq_kube_calls_total', ...labels, `code="${code}"`);
    expect([await count('200'), await count('404')]).toEqual([2, 1]);
    expect(kit.logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});
