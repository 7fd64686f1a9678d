/** An API server on the level of requests, for what begins there: empty lists, silent watches, leases, and what a test puts in. */
import type { KubeAnswer, KubeRequest, KubeTransport } from '../../operator/kube/kube-transport.ts';

export class FakeApiServer implements KubeTransport {
  /** By path, without their query. */
  readonly objects = new Map<string, object>();
  readonly requests: { readonly method: string; readonly path: string }[] = [];
  /** Status for a request, instead of an answer. */
  refuse: ((path: string) => number | undefined) | undefined;
  isClosed = false;

  async request({ method, path, body, signal }: KubeRequest): Promise<KubeAnswer> {
    const [place = '', query = ''] = path.split('?');
    this.requests.push({ method, path: place });
    const status = this.refuse?.(place);
    if (status !== undefined) return answer(status, { kind: 'Status', code: status });
    if (query.includes('watch=true')) return { ...answer(200, {}), body: silence(signal) };
    if (method === 'GET') {
      const found = this.objects.get(place);
      if (found !== undefined) return answer(200, found);
      return isObject(place) ? answer(404, { code: 404 }) : answer(200, EMPTY);
    }
    const sent = JSON.parse(body ?? '{}') as { metadata?: { name?: string } };
    const name = sent.metadata?.name ?? '';
    const at = method === 'POST' ? `${place}/${name}` : place;
    const metadata = { ...sent.metadata, resourceVersion: String(this.requests.length) };
    const stored = { ...sent, metadata };
    this.objects.set(at, stored);
    return answer(200, stored);
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

const EMPTY = { metadata: { resourceVersion: '1' }, items: [] };

/** A collection ends with the plural of its kind, which none of our objects is called. */
function isObject(path: string): boolean {
  return /\/(leases|customresourcedefinitions)\/[^/]+$/.test(path);
}

function answer(status: number, body: object): KubeAnswer {
  const text = Buffer.from(JSON.stringify(body));
  async function* once(): AsyncGenerator<Uint8Array> {
    yield text;
  }
  return { status, retryAfter: undefined, warnings: [], body: once() };
}

async function* silence(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  yield* [];
}
