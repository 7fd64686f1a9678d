/** The configuration file of the nodes: what is the same for all members, from the fields of the spec and its options. */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { isMqError } from '../../common/errors/mq-error.ts';
import { NODE_OPTIONS } from '../../common/options/node-options.ts';
import type { OptionTable } from '../../common/options/option-definition.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import { NODE_OPTION_NAMES, resolveOptions } from '../../common/options/resolve-options.ts';
import { SETTABLE_OPTIONS } from '../api/option-fields.ts';
import type { ClusterContext } from './cluster-context.ts';
import type { Component } from './metadata.ts';
import { HTTP_PORT, nameServersAddress, PROTOCOL_PORT } from './names.ts';
import { quantityBytes } from './quantity.ts';

export const CONFIG_FILE = 'orbitmq.yaml';
export const CONFIG_DIRECTORY = '/etc/orbitmq/config';
export const TLS_DIRECTORY = '/etc/orbitmq/tls';
export const PEERS_DIRECTORY = '/etc/orbitmq/peers';
/** Key in the Secret of the peers, and name of the file. */
export const PEER_SECRET_FILE = 'secret';
export const DATA_DIRECTORY = '/data';

/** After SIGTERM; the rest of the grace of the pod is for handing over before it. */
export const SHUTDOWN_GRACE_SECONDS = 10;

const HASH_CHARACTERS = 16;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TABLE: OptionTable = NODE_OPTIONS;

type OptionTexts = Readonly<Record<string, string>>;

/** By option key, as a person would write them; only those that the role has. */
function optionTexts(context: ClusterContext, component: Component): OptionTexts {
  const own = new Map(
    Object.entries({ ...fieldOptions(context), ...memoryOptions(context, component) }),
  );
  for (const [path, text] of Object.entries(context.spec.options)) {
    const key = SETTABLE_OPTIONS.get(path);
    if (key !== undefined) own.set(key, text);
  }
  const ofRole = [...own].filter(([key]) => TABLE[key]?.roles.includes(component) === true);
  return Object.fromEntries(ofRole);
}

function fieldOptions(context: ClusterContext): OptionTexts {
  const { spec } = context;
  const { interval, expiry, writeLease } = spec.heartbeat;
  const { maxAge, maxBytes } = spec.retention;
  return {
    listen: `0.0.0.0:${PROTOCOL_PORT}`,
    httpListen: `0.0.0.0:${HTTP_PORT}`,
    clusterName: context.name,
    namesrv: formatAddress(nameServersAddress(context)),
    heartbeatIntervalMs: interval,
    heartbeatExpiryMs: expiry,
    writeLeaseMs: writeLease,
    dataDir: DATA_DIRECTORY,
    flush: spec.flush,
    retentionMs: maxAge,
    ...(maxBytes === undefined ? {} : { retentionBytes: String(quantityBytes(maxBytes)) }),
    ...tlsOptions(context),
    peerSecretFile: `${PEERS_DIRECTORY}/${PEER_SECRET_FILE}`,
    shutdownGraceMs: `${SHUTDOWN_GRACE_SECONDS}s`,
  };
}

/** With little memory, what is kept outside the heap is less than usual; spec.options can say otherwise. */
function memoryOptions({ spec }: ClusterContext, component: Component): OptionTexts {
  const { limits } = component === 'broker' ? spec.resources : spec.namesrv.resources;
  const memory = limits?.['memory'];
  const bytes = memory === undefined ? Infinity : quantityBytes(memory);
  if (bytes >= GIB) return {};
  const share = (part: number, leastMib: number): string =>
    `${Math.max(leastMib, Math.floor(bytes / part / MIB))}MiB`;
  return {
    cacheBytes: share(16, 16),
    indexBufferBytes: share(32, 8),
    pendingBytes: share(16, 16),
    replicationPendingBytes: share(16, 16),
    admissionBytes: share(8, 32),
    admissionBytesPerClient: share(16, 16),
    idempotenceIds: '100000',
  };
}

function tlsOptions({ spec: { tls } }: ClusterContext): OptionTexts {
  if (!tls.enabled) return { tlsEnabled: 'false' };
  return {
    tlsEnabled: 'true',
    tlsCertFile: `${TLS_DIRECTORY}/tls.crt`,
    tlsKeyFile: `${TLS_DIRECTORY}/tls.key`,
    ...(tls.peers ? { peerTls: 'tls', peerCaFile: `${TLS_DIRECTORY}/ca.crt` } : {}),
  };
}

/** Text of the file. */
export function nodeConfig(context: ClusterContext, component: Component): string {
  const sections = new Map<string, Record<string, string>>();
  const entries = Object.entries(optionTexts(context, component)).map(
    ([key, text]): [string, string] => [NODE_OPTION_NAMES.get(key)?.yaml ?? key, text],
  );
  for (const [path, text] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [section = '', name = ''] = path.split('.');
    sections.set(section, { ...sections.get(section), [name]: text });
  }
  return stringify(Object.fromEntries(sections), { lineWidth: 0 });
}

/** Changes exactly when nodes must be restarted to follow the file. */
export function configHash(context: ClusterContext, component: Component): string {
  const fixed = Object.entries(optionTexts(context, component))
    .filter(([key]) => TABLE[key]?.reloadable !== true)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(fixed)).digest('hex').slice(0, HASH_CHARACTERS);
}

/**
 * What the nodes would say of these options at their start, so that it is said before one of them is restarted: a text that is
 * out of range, or two options that do not go together.
 */
export function optionProblems(context: ClusterContext): readonly string[] {
  const unknown = Object.keys(context.spec.options)
    .filter((path) => !SETTABLE_OPTIONS.has(path))
    .map((path) => `spec.options: ${path} is no option of a node, or is set by the operator`);
  const found = (['broker', 'namesrv'] as const).flatMap((role) => {
    const content = nodeConfig(context, role);
    const { host, port } = nameServersAddress(context);
    const place = formatAddress({ host, port });
    const flags = new Map([['advertise', place]]);
    if (role === 'broker') flags.set('memberName', 'member').set('memberAddress', place);
    try {
      resolveOptions({ role, flags, file: { path: 'spec.options', content } });
      return [];
    } catch (error) {
      if (isMqError(error)) return [error.message];
      throw error;
    }
  });
  return [...new Set([...unknown, ...found])];
}
