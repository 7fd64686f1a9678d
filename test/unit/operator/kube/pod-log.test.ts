import { describe, expect, it } from '@jest/globals';
import { KubeCaller } from '../../../../operator/kube/kube-caller.ts';
import type { KubeAnswer, KubeRequest } from '../../../../operator/kube/kube-transport.ts';
import { podLog, type PodLogOptions } from '../../../../operator/kube/pod-log.ts';
import { KubePortsKit, settle } from '../../../support/kube-ports.ts';

function logOf(status: number, ...parts: readonly string[]) {
  const kit = new KubePortsKit();
  const paths: string[] = [];
  const transport = {
    request: ({ path, signal }: KubeRequest): Promise<KubeAnswer> => {
      paths.push(path);
      async function* body(): AsyncGenerator<Uint8Array> {
        for (const part of parts) yield Buffer.from(part);
        if (!path.includes('follow')) return;
        await new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(new Error('aborted'))),
        );
      }
      return Promise.resolve({ status, retryAfter: undefined, warnings: [], body: body() });
    },
    close: () => Promise.resolve(),
  };
  const caller = new KubeCaller({ ...kit.ports, transport });
  const read = (options: PodLogOptions) => podLog(caller, { namespace: 'n', name: 'p' }, options);
  return { kit, paths, read };
}

async function textOf(parts: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all).toString();
}

describe('the log of a pod', () => {
  it('comes in parts, with what was asked for in its address', async () => {
    const { paths, read } = logOf(200, 'one\n', 'two\n');
    const options = { container: 'c', previous: true, follow: false, tailLines: 5 };
    expect(await textOf(read(options))).toBe('one\ntwo\n');
    expect(paths).toEqual([
      '/api/v1/namespaces/n/pods/p/log?container=c&previous=true&tailLines=5',
    ]);
  });

  it('fails as any other call does', async () => {
    const { read } = logOf(404, '{"message":"no such pod"}');
    await expect(textOf(read({}))).rejects.toMatchObject({
      ...{ code: 'KUBE', kind: 'not-found', message: 'get pods/log n/p: no such pod' },
    });
  });

  it('is followed for as long as it is silent, until nobody wants it any more', async () => {
    const { kit, read } = logOf(200, 'one\n');
    const stop = new AbortController();
    const ended = textOf(read({ follow: true, signal: stop.signal }));
    const failed = expect(ended).rejects.toMatchObject({ kind: 'aborted' });
    await kit.pass(3_600_000, 600_000);
    stop.abort();
    await settle();
    await failed;
  });
});
