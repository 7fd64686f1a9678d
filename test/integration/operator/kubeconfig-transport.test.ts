import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createSelfSigned } from '../../../common/rpc/certificate.ts';
import {
  KubeconfigTransport,
  loadKubeConfig,
} from '../../../operator/kube/kubeconfig-transport.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { kubeconfigText } from '../../support/kubeconfig.ts';
import { ManualTime } from '../../support/manual-time.ts';
import { within } from '../../support/wait-for.ts';

const WAIT_MS = 10_000;
const SLOW = '/slow';

describe('the transport of a kubeconfig, at a server that prefers HTTP/2', () => {
  let directory: string;
  let server: Http2SecureServer;
  let transport: KubeconfigTransport;
  let versions: string[];
  let onSlow: () => void;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'orbitmq-transport-'));
    versions = [];
    onSlow = () => undefined;
    const { certificatePem: cert, privateKeyPem: key } = await createSelfSigned(
      ['127.0.0.1'],
      Date.now(),
    );
    server = createSecureServer({ cert, key, allowHTTP1: true }, answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const file = join(directory, 'config');
    const authority = { 'certificate-authority-data': Buffer.from(cert).toString('base64') };
    writeFileSync(file, kubeconfigText(`https://127.0.0.1:${port}`, authority, 't'));
    transport = new KubeconfigTransport(
      loadKubeConfig(file),
      new ManualTime(),
      new CollectingLogger(),
    );
  });

  afterEach(async () => {
    await transport.close();
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true, force: true });
  });

  function answer(request: Http2ServerRequest, response: Http2ServerResponse): void {
    versions.push(request.httpVersion);
    if (request.url === SLOW) onSlow();
    else response.end('{}');
  }

  async function ask(path: string, signal: AbortSignal): Promise<number> {
    const { status, body } = await transport.request({ method: 'GET', path, signal });
    for await (const part of body) expect(part.length).toBeGreaterThan(0);
    return status;
  }

  it('speaks HTTP/1.1: an aborted write over HTTP/2 can take the whole process with it', async () => {
    expect(await ask('/', AbortSignal.timeout(WAIT_MS))).toBe(200);
    expect(versions).toEqual(['1.1']);
  });

  it('goes on after a write that was given up before its answer came', async () => {
    const giveUp = new AbortController();
    const isAsked = new Promise<void>((resolve) => (onSlow = resolve));
    const written = transport.request({
      ...{ method: 'PUT', path: SLOW, signal: giveUp.signal },
      ...{ contentType: 'application/json', body: '{}' },
    });
    await within('the write to arrive', WAIT_MS, isAsked);
    giveUp.abort();
    await expect(written).rejects.toThrow(/abort/);
    expect(await ask('/', AbortSignal.timeout(WAIT_MS))).toBe(200);
  });
});
