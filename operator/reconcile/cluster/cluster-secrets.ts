import { createHash, X509Certificate } from 'node:crypto';
import type { Environment } from '../../../common/environment/environment.ts';
import { createAuthority, createSigned } from '../../../common/rpc/certificate.ts';
import type { KeyPair } from '../../../common/rpc/grpc-server.ts';
import type { KubernetesObject } from '../../api/object-meta.ts';
import { isKubeError } from '../../kube/kube-error.ts';
import { RESOURCES, type Secret } from '../../kube/resource.ts';
import { TerminalError } from '../../kube/terminal-error.ts';
import type { ClusterContext } from '../../resource/cluster-context.ts';
import { ownTlsSecretName, peerSecretName } from '../../resource/names.ts';
import { PEER_SECRET_FILE } from '../../resource/node-config.ts';
import { AUTHORITY_KEY_FILE, peerSecret, tlsSecret } from '../../resource/secrets.ts';
import { ANNOTATIONS } from '../names.ts';
import type { LiveApi } from '../reconcile-ports.ts';

export interface SecretsPorts {
  readonly environment: Pick<Environment, 'clock' | 'random'>;
  readonly api: Pick<LiveApi, 'find' | 'create' | 'mergePatch'>;
}

export interface ClusterSecretsView {
  readonly peerSecret: Buffer;
  /** `ca.crt` of the TLS secret; undefined without TLS. */
  readonly authoritiesPem: string | undefined;
  /** Changes when nodes have to be restarted for new secrets; undefined: they never had to. */
  readonly secretsHash: string | undefined;
  /** What was done, for an event; empty: nothing. */
  readonly issued: string;
}

const PEER_SECRET_BYTES = 32;
const DAY_MS = 24 * 60 * 60_000;
/** Renewed a good while before its end: nodes take a new one when they are restarted for it, one by one. */
const CERTIFICATE_DAYS = 365;
const RENEW_BEFORE_DAYS = 60;
/** A Secret that nobody but us writes is looked at again after this. */
const LOOK_AGAIN_MS = 10 * 60_000;
const HASH_CHARACTERS = 16;

interface Known {
  readonly names: string;
  readonly atMs: number;
  readonly view: ClusterSecretsView;
}

/** The secrets of clusters: made once, kept, and renewed before they end. What people provide is only read. */
export class ClusterSecrets {
  readonly #ports: SecretsPorts;
  /** By UID of the BrokerCluster. Bound: clusters that are looked after. */
  readonly #known = new Map<string, Known>();

  constructor(ports: SecretsPorts) {
    this.#ports = ports;
  }

  /** `names`: DNS names and addresses that a certificate has to have. */
  async ensure(
    context: ClusterContext,
    names: readonly string[],
    signal: AbortSignal,
  ): Promise<ClusterSecretsView> {
    const { uid } = context.owner;
    const nowMs = this.#ports.environment.clock.nowMs();
    const { enabled, secretName = '' } = context.spec.tls;
    const wanted = JSON.stringify([enabled, secretName, names]);
    const known = this.#known.get(uid);
    if (known?.names === wanted && nowMs - known.atMs < LOOK_AGAIN_MS) {
      return { ...known.view, issued: '' };
    }
    const secret = await this.#peerSecret(context, signal);
    const tls = await this.#tls(context, names, signal);
    const view = { peerSecret: secret, ...tls };
    this.#known.set(uid, { names: wanted, atMs: nowMs, view });
    return view;
  }

  forget(uid: string): void {
    this.#known.delete(uid);
  }

  async #peerSecret(context: ClusterContext, signal: AbortSignal): Promise<Buffer> {
    const at = { namespace: context.namespace, name: peerSecretName(context) };
    const { api, environment } = this.#ports;
    const found = await api.find(RESOURCES.secrets, at, { signal });
    if (found !== undefined) return secretLine(found);
    const line = environment.random.bytes(PEER_SECRET_BYTES).toString('hex');
    return secretLine(await this.#create(peerSecret(context, line), signal));
  }

  async #tls(
    context: ClusterContext,
    names: readonly string[],
    signal: AbortSignal,
  ): Promise<Omit<ClusterSecretsView, 'peerSecret'>> {
    const { tls } = context.spec;
    const none = { authoritiesPem: undefined, secretsHash: undefined, issued: '' };
    if (!tls.enabled) return none;
    const { namespace } = context;
    if (tls.secretName !== undefined) {
      const at = { namespace, name: tls.secretName };
      const given = await this.#ports.api.find(RESOURCES.secrets, at, { signal });
      return providedTls(tls.secretName, given, tls.peers);
    }
    const at = { namespace, name: ownTlsSecretName(context) };
    const found = await this.#ports.api.find(RESOURCES.secrets, at, { signal });
    const due = whyIssue(found, names, this.#ports.environment.clock.nowMs());
    if (due === undefined && found !== undefined) return { ...ownTls(found), issued: '' };
    const made = await this.#issue(context, found, names, due ?? 'new', signal);
    return { ...ownTls(made), issued: `the certificate of the nodes was made: ${due ?? 'new'}` };
  }

  async #issue(
    context: ClusterContext,
    found: Secret | undefined,
    names: readonly string[],
    why: string,
    signal: AbortSignal,
  ): Promise<Secret> {
    const nowMs = this.#ports.environment.clock.nowMs();
    const authority =
      authorityOf(found, nowMs) ?? (await createAuthority(`OrbitMQ ${context.name}`, nowMs));
    const server = await createSigned(authority, names, nowMs, CERTIFICATE_DAYS);
    const rendered: Secret = tlsSecret(context, {
      authority: authority.certificatePem,
      authorityKey: authority.privateKeyPem,
      certificate: server.certificatePem,
      key: server.privateKeyPem,
    });
    if (found === undefined) return this.#create(rendered, signal);
    const { data } = rendered;
    const renewals = renewalsOf(found) + (why === AGE ? 1 : 0);
    const { namespace, name, resourceVersion } = found.metadata;
    const annotations = { [ANNOTATIONS.renewals]: String(renewals) };
    const patch = { metadata: { resourceVersion, annotations }, data };
    return this.#ports.api.mergePatch(RESOURCES.secrets, { namespace, name }, patch, { signal });
  }

  /** Somebody may be faster: then theirs is it. */
  async #create(object: KubernetesObject, signal: AbortSignal): Promise<Secret> {
    const { api } = this.#ports;
    try {
      return await api.create(RESOURCES.secrets, object, { signal });
    } catch (error) {
      if (!isKubeError(error, 'already-exists')) throw error;
    }
    const found = await api.find(RESOURCES.secrets, object.metadata, { signal });
    if (found !== undefined) return found;
    throw new Error(`Secret ${object.metadata.name} comes and goes`);
  }
}

const AGE = 'it would soon have ended';

/** Undefined: it is good for all names, and for long enough. */
function whyIssue(
  found: Secret | undefined,
  names: readonly string[],
  nowMs: number,
): string | undefined {
  const pem = found && textIn(found, 'tls.crt');
  if (pem === undefined) return 'there is none';
  const certificate = parseCertificate(pem);
  if (certificate === undefined) return 'it cannot be read';
  if (Date.parse(certificate.validTo) - nowMs < RENEW_BEFORE_DAYS * DAY_MS) return AGE;
  const has = new Set((certificate.subjectAltName ?? '').split(', ').map(withoutKind));
  const missing = names.filter((name) => !has.has(name));
  return missing.length === 0 ? undefined : `it lacks ${missing.slice(0, 3).join(', ')}`;
}

function withoutKind(entry: string): string {
  return entry.replace(/^(DNS|IP Address):/, '');
}

/** The authority goes on as long as it outlives what it signs. */
function authorityOf(found: Secret | undefined, nowMs: number): KeyPair | undefined {
  const certificatePem = found && textIn(found, 'ca.crt');
  const privateKeyPem = found && textIn(found, AUTHORITY_KEY_FILE);
  if (certificatePem === undefined || privateKeyPem === undefined) return undefined;
  const certificate = parseCertificate(certificatePem);
  const endMs = certificate === undefined ? 0 : Date.parse(certificate.validTo);
  const isLong = endMs - nowMs > CERTIFICATE_DAYS * DAY_MS;
  return isLong ? { certificatePem, privateKeyPem } : undefined;
}

function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined; // damaged or not ours: it is made anew
  }
}

function ownTls(secret: Secret): Omit<ClusterSecretsView, 'peerSecret' | 'issued'> {
  const renewals = renewalsOf(secret);
  return {
    authoritiesPem: textIn(secret, 'ca.crt'),
    secretsHash: renewals === 0 ? undefined : `renewal-${renewals}`,
  };
}

function providedTls(
  name: string,
  secret: Secret | undefined,
  needsAuthority: boolean,
): Omit<ClusterSecretsView, 'peerSecret'> {
  const certificate = secret && textIn(secret, 'tls.crt');
  const key = secret && textIn(secret, 'tls.key');
  if (certificate === undefined || key === undefined) {
    const what = secret === undefined ? 'does not exist' : 'has no tls.crt and tls.key';
    throw new TerminalError('SecretMissing', `Secret ${name} ${what}`);
  }
  const authoritiesPem = secret && textIn(secret, 'ca.crt');
  if (needsAuthority && authoritiesPem === undefined) {
    const message = `Secret ${name} has no ca.crt, which spec.tls.peers needs`;
    throw new TerminalError('SecretInvalid', message);
  }
  const hash = createHash('sha256').update(certificate).digest('hex');
  return { authoritiesPem, secretsHash: hash.slice(0, HASH_CHARACTERS), issued: '' };
}

function renewalsOf({ metadata }: Secret): number {
  return Number(metadata.annotations?.[ANNOTATIONS.renewals] ?? '0') || 0;
}

function secretLine(secret: Secret): Buffer {
  const [line = ''] = (textIn(secret, PEER_SECRET_FILE) ?? '').split(/\r?\n/);
  if (line.trim() !== '') return Buffer.from(line.trim(), 'latin1');
  const message = `Secret ${secret.metadata.name} has no ${PEER_SECRET_FILE}`;
  throw new TerminalError('SecretInvalid', message);
}

function textIn({ data }: Secret, key: string): string | undefined {
  const value = (data as Readonly<Record<string, string>> | undefined)?.[key];
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
}
