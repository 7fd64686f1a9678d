import type { NodeOptions } from './node-options.ts';
import { isSameAddress } from './parse-value.ts';

/** A condition between options, with the reason for it. */
interface Relation {
  readonly keys: readonly (keyof NodeOptions)[];
  readonly holds: (options: NodeOptions) => boolean;
  /** What must be the case and why, as the end of a sentence. */
  readonly rule: string;
}

/** Room in a request for ids, resource names and the framing of protobuf around body and properties. */
const REQUEST_OVERHEAD_BYTES = 64 * 1024;

const HEARTBEATS_PER_EXPIRY_MIN = 3;
const BEATS_PER_TIMEOUT_MIN = 3;

const WILDCARD_HOSTS: ReadonlySet<string> = new Set(['0.0.0.0', '::', '*']);

export const OPTION_RELATIONS: readonly Relation[] = [
  {
    keys: ['listen', 'advertise'],
    holds: ({ listen, advertise }) => advertise !== undefined || !WILDCARD_HOSTS.has(listen.host),
    rule: 'listening on all addresses, the node must be told which one clients use: set advertise to HOST:PORT',
  },
  {
    keys: ['advertise'],
    holds: ({ advertise }) =>
      advertise === undefined || (advertise.port > 0 && !WILDCARD_HOSTS.has(advertise.host)),
    rule: 'clients need a host and port that they can connect to',
  },
  {
    keys: ['listen', 'httpListen'],
    holds: ({ listen, httpListen }) => listen.port === 0 || !isSameAddress(listen, httpListen),
    rule: 'they must differ: each service has a port of its own',
  },
  {
    keys: ['heartbeatIntervalMs', 'heartbeatExpiryMs'],
    holds: (o) => HEARTBEATS_PER_EXPIRY_MIN * o.heartbeatIntervalMs <= o.heartbeatExpiryMs,
    rule: `the second must be at least ${HEARTBEATS_PER_EXPIRY_MIN} times the first: one late heartbeat is no silence`,
  },
  {
    keys: ['memberName', 'memberAddress', 'listen'],
    holds: ({ memberName, memberAddress, listen }) =>
      memberName === undefined ||
      (memberAddress === undefined
        ? !WILDCARD_HOSTS.has(listen.host)
        : memberAddress.port > 0 && !WILDCARD_HOSTS.has(memberAddress.host)),
    rule: 'a member of a group must say where other nodes reach it: set the second to HOST:PORT',
  },
  {
    keys: ['memberName', 'namesrv'],
    holds: ({ memberName, namesrv }) => memberName === undefined || namesrv.length > 0,
    rule: 'a member of a group needs NameServers, which are the witnesses of who is alive',
  },
  {
    keys: ['writeLeaseMs', 'heartbeatIntervalMs', 'heartbeatExpiryMs'],
    holds: (o) =>
      o.memberName === undefined || o.writeLeaseMs + o.heartbeatIntervalMs <= o.heartbeatExpiryMs,
    rule: 'the first two together must not exceed the third: a master stops acknowledging alone before its successor starts',
  },
  {
    keys: ['replicationBeatMs', 'inSyncTimeoutMs'],
    holds: (o) => BEATS_PER_TIMEOUT_MIN * o.replicationBeatMs <= o.inSyncTimeoutMs,
    rule: `the second must be at least ${BEATS_PER_TIMEOUT_MIN} times the first: slaves acknowledge beats, and one late one is no lag`,
  },
  {
    keys: ['replicationBatchBytes', 'replicationWindowBytes'],
    holds: (o) => o.replicationBatchBytes <= o.replicationWindowBytes,
    rule: 'the first must not exceed the second: a batch must be allowed on its way',
  },
  {
    keys: ['maxRequestBytes', 'replicationPendingBytes'],
    holds: (o) => o.memberName === undefined || o.maxRequestBytes <= o.replicationPendingBytes,
    rule: 'the largest request must be able to wait for the slaves',
  },
  {
    keys: ['tlsCertFile', 'tlsKeyFile'],
    holds: ({ tlsCertFile, tlsKeyFile }) =>
      (tlsCertFile === undefined) === (tlsKeyFile === undefined),
    rule: 'certificate and key must be given together',
  },
  {
    keys: ['tlsEnabled', 'tlsCertFile'],
    holds: ({ tlsEnabled, tlsCertFile }) => tlsEnabled || tlsCertFile === undefined,
    rule: 'a certificate is of no use with TLS switched off',
  },
  {
    keys: ['peerTls', 'peerCaFile'],
    holds: ({ peerTls, peerCaFile }) => (peerTls === 'tls') === (peerCaFile !== undefined),
    rule: 'a certificate authority is needed to speak TLS to other nodes, and of no use otherwise',
  },
  {
    keys: ['peerTls', 'tlsEnabled'],
    holds: ({ peerTls, tlsEnabled }) => peerTls === 'off' || tlsEnabled,
    rule: 'a node whose peers speak TLS must speak it too',
  },
  {
    keys: ['diskCleanPercent', 'diskForceCleanPercent'],
    holds: (o) => o.diskCleanPercent <= o.diskForceCleanPercent,
    rule: 'the first must not exceed the second: expired files go before others do',
  },
  {
    keys: ['diskForceCleanPercent', 'diskRejectPercent'],
    holds: (o) => o.diskForceCleanPercent <= o.diskRejectPercent || o.diskForceCleanPercent === 100,
    rule: 'the first must not exceed the second, or be 100: sends are refused only when cleaning did not help',
  },
  {
    keys: ['segmentBytes', 'retentionBytes'],
    holds: (o) => o.retentionBytes === 0 || o.retentionBytes >= 2 * o.segmentBytes,
    rule: 'the log must be allowed two files, since only whole ones are deleted and the last one never is',
  },
  {
    keys: ['maxMessageBytes', 'maxPropertiesBytes', 'maxRequestBytes'],
    holds: (o) =>
      o.maxMessageBytes + o.maxPropertiesBytes + REQUEST_OVERHEAD_BYTES <= o.maxRequestBytes,
    rule: 'one message with all its properties and 64KiB for the rest must fit into a request',
  },
  {
    keys: ['maxRequestBytes', 'admissionBytesPerClient'],
    holds: (o) => o.maxRequestBytes <= o.admissionBytesPerClient,
    rule: 'a client must be able to have one largest request in work',
  },
  {
    keys: ['admissionBytesPerClient', 'admissionBytes'],
    holds: (o) => o.admissionBytesPerClient <= o.admissionBytes,
    rule: 'one client cannot have more than all together',
  },
  {
    keys: ['admissionRequestsPerClient', 'admissionRequests'],
    holds: (o) => o.admissionRequestsPerClient <= o.admissionRequests,
    rule: 'one client cannot have more than all together',
  },
  {
    keys: ['batchBytes', 'pendingBytes'],
    holds: (o) => o.batchBytes <= o.pendingBytes,
    rule: 'a batch is formed of what waits',
  },
  {
    keys: ['maxRequestBytes', 'pendingBytes'],
    holds: (o) => o.maxRequestBytes <= o.pendingBytes,
    rule: 'the largest request must be able to wait for the disk',
  },
  {
    keys: ['longPollingMs', 'longPollingMaxMs'],
    holds: (o) => o.longPollingMs <= o.longPollingMaxMs,
    rule: 'clients must not be told to wait longer than is allowed',
  },
  {
    keys: ['invisibleMinMs', 'autoRenewInvisibleMs', 'invisibleMaxMs'],
    holds: (o) =>
      o.invisibleMinMs <= o.autoRenewInvisibleMs && o.autoRenewInvisibleMs <= o.invisibleMaxMs,
    rule: 'they must ascend: what the server renews by obeys the bounds that clients obey',
  },
  {
    keys: ['autoRenewInvisibleMs', 'autoRenewMaxMs'],
    holds: (o) => o.autoRenewInvisibleMs <= o.autoRenewMaxMs,
    rule: 'the first must not exceed the second: one renewal must be possible',
  },
  {
    keys: ['maxInflightPerQueue', 'maxInflightPerGroup', 'maxInflight'],
    holds: (o) =>
      o.maxInflightPerQueue <= o.maxInflightPerGroup && o.maxInflightPerGroup <= o.maxInflight,
    rule: 'they must ascend: a part cannot have more than the whole',
  },
  {
    keys: ['defaultQueueCount', 'maxQueues'],
    holds: (o) => o.defaultQueueCount <= o.maxQueues,
    rule: 'there must be room for one topic',
  },
];
