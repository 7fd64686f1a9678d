/** The certificate of a server: the user's files, or one that signs itself, made once and kept. */
import { X509Certificate } from 'node:crypto';
import { generate } from 'selfsigned';
import type { Disk } from '../environment/disk.ts';
import type { KeyPair } from './grpc-server.ts';

export interface CertificatePaths {
  readonly certificatePath: string;
  readonly privateKeyPath: string;
}

const VALID_DAYS = 3650;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Reads the pair; rejects with the disk's error (`ENOENT`, `EACCES`) when a file cannot be read. */
export async function loadKeyPair(disk: Disk, paths: CertificatePaths): Promise<KeyPair> {
  const [certificate, privateKey] = await Promise.all([
    disk.readFile(paths.certificatePath),
    disk.readFile(paths.privateKeyPath),
  ]);
  return {
    certificatePem: certificate.toString('utf8'),
    privateKeyPem: privateKey.toString('utf8'),
  };
}

/**
 * The stored self-signed pair, made at the first call for `hosts` (names and IP addresses that clients may use). `directory`
 * holds both files and is created when missing.
 */
export async function loadOrCreateSelfSigned(
  disk: Disk,
  directory: string,
  paths: CertificatePaths,
  hosts: readonly string[],
  nowMs: number,
): Promise<KeyPair> {
  try {
    return await loadKeyPair(disk, paths);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const pair = await createSelfSigned(hosts, nowMs);
  await disk.makeDirectory(directory);
  // The key goes first: with a key but no certificate the next start makes both anew.
  await writeWhole(disk, paths.privateKeyPath, pair.privateKeyPem);
  await writeWhole(disk, paths.certificatePath, pair.certificatePem);
  await disk.syncDirectory(directory);
  return pair;
}

export async function createSelfSigned(hosts: readonly string[], nowMs: number): Promise<KeyPair> {
  const pems = await generate([{ name: 'commonName', value: hosts[0] ?? 'orbitmq' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // A day back: the clocks of clients may be behind ours.
    notBeforeDate: new Date(nowMs - DAY_MS),
    notAfterDate: new Date(nowMs + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: hosts.map(alternativeName),
      },
    ],
  });
  return { certificatePem: pems.cert, privateKeyPem: pems.private };
}

/** When a certificate ends, in milliseconds since 1970; undefined: the text is none that Node can read. */
export function certificateExpiryMs(certificatePem: string): number | undefined {
  try {
    return Date.parse(new X509Certificate(certificatePem).validTo);
  } catch {
    return undefined; // the server that is given the certificate says what is wrong with it
  }
}

/** An authority that signs the certificates of one cluster. */
export async function createAuthority(name: string, nowMs: number): Promise<KeyPair> {
  const pems = await generate([{ name: 'commonName', value: name }], {
    ...SIGNATURE,
    ...validity(nowMs, VALID_DAYS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { certificatePem: pems.cert, privateKeyPem: pems.private };
}

/** A server certificate for `hosts`, signed by the authority. */
export async function createSigned(
  authority: KeyPair,
  hosts: readonly string[],
  nowMs: number,
  validDays: number,
): Promise<KeyPair> {
  const pems = await generate([{ name: 'commonName', value: commonName(hosts) }], {
    ...SIGNATURE,
    ...validity(nowMs, validDays),
    ca: { key: authority.privateKeyPem, cert: authority.certificatePem },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: hosts.map(alternativeName) },
    ],
  });
  return { certificatePem: pems.cert, privateKeyPem: pems.private };
}

const SIGNATURE = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/** A common name has at most 64 characters; nobody checks it where there are alternative names. */
function commonName(hosts: readonly string[]): string {
  return hosts.find((host) => host.length <= 64) ?? 'orbitmq';
}

/** A day back: the clocks of clients may be behind ours. */
function validity(nowMs: number, days: number): { notBeforeDate: Date; notAfterDate: Date } {
  return {
    notBeforeDate: new Date(nowMs - DAY_MS),
    notAfterDate: new Date(nowMs + days * DAY_MS),
  };
}

function alternativeName(host: string): { type: 7; ip: string } | { type: 2; value: string } {
  return isIpAddress(host) ? { type: 7, ip: host } : { type: 2, value: host };
}

async function writeWhole(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, { create: true });
  try {
    const bytes = Buffer.from(text, 'utf8');
    await file.truncate(0);
    await file.write(0, [bytes]);
    await file.sync();
  } finally {
    await file.close();
  }
}

function isIpAddress(host: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(host) || host.includes(':');
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
