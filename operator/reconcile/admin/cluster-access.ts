import type { Clock } from '../../../common/environment/clock.ts';
import type { RpcChannel } from '../../../common/rpc/rpc-channel.ts';
import type { BrokerGroup } from '../../api/broker-group-schema.ts';
import type { Connect } from '../broker-group/cluster-failovers.ts';
import { groupObjectName, LABELS, PROTOCOL_PORT, serviceHost } from '../../resource/names.ts';
import { ANNOTATIONS, splitKey, type ClusterKey } from '../names.ts';
import type { CachedObjects } from '../reconcile-ports.ts';
import { RemoteBrokerAdmin } from './broker-admin.ts';
import { ClusterDirectory, type DirectoryBroker } from './cluster-directory.ts';

export interface AccessPorts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly groups: CachedObjects<BrokerGroup>;
  /** Undefined while the cluster is not looked after. */
  readonly connector: (key: ClusterKey) => Connect | undefined;
}

interface Channels {
  readonly connect: Connect;
  /** By broker group. */
  readonly byBroker: Map<string, RpcChannel>;
  readonly directory: ClusterDirectory;
}

/** The broker groups of all clusters, as they are administered. */
export class ClusterAccess {
  readonly #ports: AccessPorts;
  readonly #channels = new Map<ClusterKey, Channels>();

  constructor(ports: AccessPorts) {
    this.#ports = ports;
  }

  /** Undefined while the cluster cannot be spoken to. */
  directory(key: ClusterKey): ClusterDirectory | undefined {
    return this.#of(key)?.directory;
  }

  /** Those that have had a master: others have nothing and take nothing. In the order of their names. */
  brokers(key: ClusterKey): readonly DirectoryBroker[] {
    const channels = this.#of(key);
    if (channels === undefined) return [];
    const { namespace, name } = splitKey(key);
    const groups = this.#ports.groups
      .labelled(LABELS.cluster, name)
      .filter(
        ({ metadata, status }) =>
          metadata.namespace === namespace &&
          metadata.deletionTimestamp === undefined &&
          status?.master !== undefined,
      );
    return groups
      .map((group) => {
        const { brokerName } = group.spec;
        const isReadOnly = group.metadata.annotations?.[ANNOTATIONS.drainingSince] !== undefined;
        const admin = new RemoteBrokerAdmin(channelTo(channels, key, brokerName));
        return { brokerName, isReadOnly, admin };
      })
      .toSorted((a, b) => (a.brokerName < b.brokerName ? -1 : 1));
  }

  /** The cluster is gone, or is spoken to in another way. */
  forget(key: ClusterKey): void {
    for (const channel of this.#channels.get(key)?.byBroker.values() ?? []) channel.close();
    this.#channels.delete(key);
  }

  close(): void {
    for (const key of [...this.#channels.keys()]) this.forget(key);
  }

  #of(key: ClusterKey): Channels | undefined {
    const connect = this.#ports.connector(key);
    const known = this.#channels.get(key);
    if (connect === undefined || known?.connect === connect) return connect && known;
    this.forget(key);
    const directory = new ClusterDirectory(this.#ports.clock);
    const channels = { connect, byBroker: new Map<string, RpcChannel>(), directory };
    this.#channels.set(key, channels);
    return channels;
  }
}

function channelTo({ byBroker, connect }: Channels, key: ClusterKey, name: string): RpcChannel {
  const known = byBroker.get(name);
  if (known !== undefined) return known;
  const place = splitKey(key);
  const host = serviceHost(place, groupObjectName(place.name, name));
  const channel = connect({ host, port: PROTOCOL_PORT });
  byBroker.set(name, channel);
  return channel;
}
