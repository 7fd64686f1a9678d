/** Options of nodes as spec.options has them: by their path in the configuration file. */
import { NODE_OPTIONS } from '../../common/options/node-options.ts';
import type { OptionTable, Role } from '../../common/options/option-definition.ts';
import { NODE_OPTION_NAMES } from '../../common/options/resolve-options.ts';
import type { CelRule } from './schema.ts';

const TABLE: OptionTable = NODE_OPTIONS;

/** Set by the operator, from other fields or because only it knows them; with the field to use instead. */
export const RESERVED_OPTIONS = {
  listen: '',
  advertise: 'spec.listeners',
  httpListen: '',
  clusterName: '',
  brokerName: '',
  namesrv: '',
  memberName: '',
  memberAddress: '',
  runId: '',
  runIdFile: '',
  dataDir: '',
  flush: 'spec.flush',
  heartbeatIntervalMs: 'spec.heartbeat.interval',
  heartbeatExpiryMs: 'spec.heartbeat.expiry',
  writeLeaseMs: 'spec.heartbeat.writeLease',
  retentionMs: 'spec.retention.maxAge',
  retentionBytes: 'spec.retention.maxBytes',
  tlsEnabled: 'spec.tls.enabled',
  tlsCertFile: 'spec.tls.secretName',
  tlsKeyFile: 'spec.tls.secretName',
  peerSecretFile: '',
  peerTls: 'spec.tls.peers',
  peerCaFile: 'spec.tls.secretName',
  shutdownGraceMs: 'spec.terminationGraceSeconds',
} satisfies Readonly<Record<string, string>>;

const CLUSTER_ROLES: readonly Role[] = ['broker', 'namesrv'];

/** Options that spec.options may set, by their path in the configuration file. */
export const SETTABLE_OPTIONS: ReadonlyMap<string, string> = new Map(
  Object.entries(TABLE)
    .filter(([key]) => !(key in RESERVED_OPTIONS))
    .filter(([, { roles }]) => roles.some((role) => CLUSTER_ROLES.includes(role)))
    .map(([key]): [string, string] => [NODE_OPTION_NAMES.get(key)?.yaml ?? key, key])
    .sort(([a], [b]) => (a < b ? -1 : 1)),
);

export function optionNameRule(): CelRule {
  const names = [...SETTABLE_OPTIONS.keys()].map((name) => `'${name}'`).join(', ');
  const reason =
    'is no option of a node, or one that the operator sets itself: names are as in the configuration file, as store.cacheBytes';
  return {
    rule: `self.all(name, name in [${names}])`,
    message: `spec.options has a name that ${reason}`,
    messageExpression: `"spec.options: " + self.filter(name, !(name in [${names}]))[0] + " ${reason}"`,
  };
}
