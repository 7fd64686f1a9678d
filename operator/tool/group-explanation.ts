/**
 * "If the master died now": answered by the functions that elect, from the stored record and what the members say when they
 * are asked. Where they cannot be asked, what the operator has last found out has to do.
 */
import type { Environment } from '../../common/environment/environment.ts';
import { nullLogger } from '../../common/log/logger.ts';
import type { GroupMember } from '../../common/model/broker-group.ts';
import type { Address } from '../../common/options/option-definition.ts';
import { peerConnector } from '../../common/rpc/peer-network.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import type { BrokerCluster } from '../api/broker-cluster-schema.ts';
import type { BrokerGroup } from '../api/broker-group-schema.ts';
import { timingsFor } from '../failover/controller-timings.ts';
import { explainGroup } from '../failover/core/explain.ts';
import { newRecord, type GroupRecord } from '../failover/core/group-record.ts';
import {
  UNSEEN,
  type GroupObservation,
  type MemberObservation,
  type NameServerObservation,
} from '../failover/core/observation.ts';
import { MemberClient } from '../failover/member-client.ts';
import { NameServerClient } from '../failover/name-server-client.ts';
import { RESOURCES, type Pod } from '../kube/resource.ts';
import { groupSpecOf } from '../reconcile/broker-group/cluster-failover-spec.ts';
import { recordIn } from '../reconcile/broker-group/kubernetes-group-store.ts';
import {
  nameServerHost,
  nameServersName,
  ownTlsSecretName,
  peerSecretName,
  PROTOCOL_PORT,
} from '../resource/names.ts';
import { PEER_SECRET_FILE } from '../resource/node-config.ts';
import { podsOf, type ReadApi } from './cluster-lookup.ts';

export interface GroupExplanation {
  readonly group: string;
  readonly master: string;
  /** Empty: nobody. */
  readonly winner: string;
  readonly lossless: boolean;
  /** -1: not known. */
  readonly atRiskBytes: number;
  readonly blockers: readonly string[];
  readonly reasons: readonly string[];
  /** Whom the answer is from. */
  readonly basis: 'members' | 'operator';
  /** Why the members were not asked, or which of them did not answer; empty: all did. */
  readonly note: string;
}

/** A way to a port of a pod, from this machine. */
export interface Tunnel {
  readonly address: Address;
  close(): Promise<void>;
}

export interface ExplanationPorts {
  readonly environment: Pick<Environment, 'clock' | 'random'>;
  readonly kube: ReadApi;
  tunnel(namespace: string, pod: string, port: number): Promise<Tunnel>;
}

/** Nothing is concluded here from how often anybody looks. */
const TIMINGS = timingsFor(1_000);
const ANSWER_BYTES_MAX = 16 * 2 ** 20;

/** From the members where they can be asked, else from the conditions that the operator keeps. Never rejects for want of a way. */
export async function explainFailover(
  cluster: BrokerCluster,
  group: BrokerGroup,
  ports: ExplanationPorts,
): Promise<GroupExplanation> {
  try {
    return await fromMembers(cluster, group, ports);
  } catch (error) {
    return fromConditions(group, `the members were not asked: ${messageOf(error)}`);
  }
}

async function fromMembers(
  cluster: BrokerCluster,
  group: BrokerGroup,
  ports: ExplanationPorts,
): Promise<GroupExplanation> {
  const spec = groupSpecOf(group.spec);
  const record = recordIn(group) ?? newRecord(spec);
  const call = await peersOf(cluster, ports);
  const pods = await podsOf(ports.kube, cluster);
  const prefix = `${nameServersName(placeOf(cluster))}-`;
  const servers = pods.filter(({ metadata }) => metadata.name.startsWith(prefix));
  const [members, nameServers] = await Promise.all([
    Promise.all(spec.members.map((member) => askMember(member, record, call))),
    Promise.all(servers.map((pod) => askNameServer(pod, placeOf(cluster), call))),
  ]);
  const silent = members.filter(({ seen }) => seen.status === undefined);
  if (silent.length === members.length) throw silent[0]?.failure;
  const observation: GroupObservation = {
    ...{ spec, nameServers, phaseAgeMs: 0, handOver: undefined, promotionRefusal: undefined },
    ...{ storedAtMs: 0, acceptedAtMs: undefined },
    members: new Map(members.map(({ name, seen }) => [name, seen])),
  };
  const { isLossless: lossless, ...explanation } = explainGroup(record, observation, TIMINGS);
  const note = silent.map(({ name, failure }) => `${name}: ${messageOf(failure)}`).join('; ');
  return { ...identity(group), ...explanation, lossless, basis: 'members', note };
}

function identity({ metadata, status }: BrokerGroup): Pick<GroupExplanation, 'group' | 'master'> {
  return { group: metadata.name, master: status?.master?.name ?? '' };
}

interface MemberAnswer {
  readonly name: string;
  readonly seen: MemberObservation;
  readonly failure: unknown;
}

/** Calls one pod of the cluster as its nodes call each other. */
type CallPeer = <Value>(
  pod: string,
  /** In the certificate of the pod. */
  serverName: string,
  work: (channel: RpcChannel) => Promise<Value>,
) => Promise<Value>;

async function askMember(
  member: GroupMember,
  record: GroupRecord,
  call: CallPeer,
): Promise<MemberAnswer> {
  const { name, address } = member;
  try {
    const status = await call(name, address.host, (channel) =>
      new MemberClient(member, channel).status({ knownVersion: 0, waitMs: 0 }),
    );
    const seen = { ...UNSEEN, status, answeredAgoMs: 0, isFresh: true };
    return { name, seen, failure: undefined };
  } catch (failure) {
    // A process that cannot be reached from here may live: only the record says whose run is over.
    return { name, seen: { ...UNSEEN, hasFailed: name === record.master?.name }, failure };
  }
}

async function askNameServer(
  { metadata }: Pod,
  place: Place,
  call: CallPeer,
): Promise<NameServerObservation> {
  const { name } = metadata;
  const unknown = { address: name, heard: undefined, isFresh: false, revocation: undefined };
  try {
    const ordinal = Number(name.slice(nameServersName(place).length + 1));
    const heard = await call(name, nameServerHost(place, ordinal), (channel) =>
      new NameServerClient(name, channel).listMembers([]),
    );
    return { ...unknown, heard, isFresh: true };
  } catch {
    return unknown; // it counts as one that does not answer, as for the operator
  }
}

/** With the secret and the authority of the cluster, which whoever asks must be allowed to read. */
async function peersOf(cluster: BrokerCluster, ports: ExplanationPorts): Promise<CallPeer> {
  const place = placeOf(cluster);
  const { namespace } = place;
  const { tls } = cluster.spec;
  const secret = await secretText(ports.kube, namespace, peerSecretName(place), PEER_SECRET_FILE);
  const authority = tls.secretName ?? ownTlsSecretName(place);
  const connect = peerConnector({
    environment: ports.environment,
    logger: nullLogger,
    nodeName: 'kubectl orbitmq',
    secret: Buffer.from(secret.split(/\r?\n/)[0]?.trim() ?? '', 'latin1'),
    trust: tls.peers
      ? {
          kind: 'tls',
          rootCertificatesPem: await secretText(ports.kube, namespace, authority, 'ca.crt'),
        }
      : { kind: 'plaintext' },
  });
  return async (pod, serverName, work) => {
    const tunnel = await ports.tunnel(namespace, pod, PROTOCOL_PORT);
    const channel = connect(tunnel.address, ANSWER_BYTES_MAX, serverName);
    try {
      return await work(channel);
    } finally {
      channel.close();
      await tunnel.close();
    }
  };
}

async function secretText(
  kube: ReadApi,
  namespace: string,
  name: string,
  key: string,
): Promise<string> {
  const secret = await kube.find(RESOURCES.secrets, { namespace, name });
  const data = secret?.data as Readonly<Record<string, string>> | undefined;
  const value = data?.[key];
  if (value === undefined) throw new Error(`Secret ${name} has no ${key}`);
  return Buffer.from(value, 'base64').toString('utf8');
}

type Place = Readonly<Record<'name' | 'namespace', string>>;

function placeOf({ metadata }: BrokerCluster): Place {
  return { name: metadata.name, namespace: metadata.namespace ?? '' };
}

/** What the operator keeps in the status: who would win, and why nobody could. */
function fromConditions(group: BrokerGroup, note: string): GroupExplanation {
  const { status } = group;
  const named = (type: string) => status?.conditions?.find((condition) => condition.type === type);
  const possible = named('FailoverPossible');
  const isProtected = named('AckedDataProtected')?.status === 'True';
  const isPossible = possible?.status === 'True';
  const message = possible?.message ?? 'the operator has not said anything about it yet';
  const [winner = ''] = isPossible ? message.split(' ') : [];
  return {
    ...identity(group),
    winner,
    // Nothing is lost where nobody is elected.
    lossless: isProtected || !isPossible,
    atRiskBytes: isProtected || !isPossible ? 0 : -1,
    blockers: isPossible ? [] : message.split('; '),
    reasons: [],
    basis: 'operator',
    note,
  };
}

function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { details, message } = error as { details?: unknown; message?: unknown };
  return String(typeof details === 'string' && details !== '' ? details : message);
}
