import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NodeDisk } from '../../../common/environment/node/node-disk.ts';
import {
  certificateExpiryMs,
  loadKeyPair,
  loadOrCreateSelfSigned,
} from '../../../common/rpc/certificate.ts';

let directory: string;
const disk = new NodeDisk();
const HOSTS = ['localhost', '127.0.0.1', 'mq.example'];

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'orbitmq-tls-'));
});

afterEach(() => rm(directory, { recursive: true }));

function load() {
  const tls = path.join(directory, 'tls');
  const paths = {
    certificatePath: path.join(tls, 'server.crt'),
    privateKeyPath: path.join(tls, 'server.key'),
  };
  return { paths, pair: loadOrCreateSelfSigned(disk, tls, paths, HOSTS, Date.now()) };
}

describe('the self-signed certificate', () => {
  it('is valid now, for every name and address, and of its own key', async () => {
    const pair = await load().pair;
    const certificate = new X509Certificate(pair.certificatePem);
    expect(certificate.checkHost('mq.example')).toBe('mq.example');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(new Date(certificate.validFrom).getTime()).toBeLessThan(Date.now());
    expect(new Date(certificate.validTo).getTime()).toBeGreaterThan(Date.now() + 365 * 86_400_000);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
  });

  it('says when it ends, for the metric that warns of it', async () => {
    const { certificatePem } = await load().pair;
    const { validTo } = new X509Certificate(certificatePem);
    expect(certificateExpiryMs(certificatePem)).toBe(new Date(validTo).getTime());
    expect(certificateExpiryMs('no certificate')).toBeUndefined();
  });

  it('is made once: the next start has the same', async () => {
    const first = await load().pair;
    expect(await load().pair).toEqual(first);
  });

  it('is made anew when a crash left only its key', async () => {
    const { paths, pair } = load();
    const first = await pair;
    await rm(paths.certificatePath);
    expect((await load().pair).privateKeyPem).not.toBe(first.privateKeyPem);
  });

  it('is not made over files that cannot be read', async () => {
    await writeFile(path.join(directory, 'tls'), 'a file where a directory should be');
    await expect(load().pair).rejects.toHaveProperty('code', 'ENOTDIR');
  });
});

describe("a user's certificate", () => {
  it('that is missing is an error, and nothing is made in its place', async () => {
    const missing = path.join(directory, 'no');
    const paths = { certificatePath: missing, privateKeyPath: missing };
    await expect(loadKeyPair(disk, paths)).rejects.toHaveProperty('code', 'ENOENT');
  });
});
