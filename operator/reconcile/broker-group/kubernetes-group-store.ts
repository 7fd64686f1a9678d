import type { BrokerGroup, BrokerGroupStatus } from '../../api/broker-group-schema.ts';
import type { GroupRecord } from '../../failover/core/group-record.ts';
import type { GroupStore, RecordVersion, StoredGroup } from '../../failover/group-store.ts';
import { recordFromJson, recordToJson } from '../../failover/record-json.ts';
import { MqError } from '../../../common/errors/mq-error.ts';
import { isKubeError } from '../../kube/kube-error.ts';
import { groupObjectName } from '../names.ts';
import { OWN_RESOURCES } from '../own-resources.ts';
import type { LiveApi } from '../reconcile-ports.ts';

const GROUPS = OWN_RESOURCES.brokerGroups;

/**
 * Records as the status of BrokerGroup objects. A read is a live GET, never a copy from a cache; a write replaces the status
 * if the object still has the version that was read. Whatever else changes the object in between (an annotation, a label) is
 * a conflict too: the controller looks again.
 */
export class KubernetesGroupStore implements GroupStore {
  readonly #api: Pick<LiveApi, 'find' | 'replaceStatus'>;
  readonly #cluster: { readonly namespace: string; readonly name: string };
  readonly #onWritten: (
    brokerName: string,
    before: GroupRecord | undefined,
    after: GroupRecord,
  ) => void;
  /** What was read last of each group: a write needs the rest of the status. Bound: groups of the cluster. */
  readonly #read = new Map<string, BrokerGroup>();

  constructor(
    api: Pick<LiveApi, 'find' | 'replaceStatus'>,
    cluster: { readonly namespace: string; readonly name: string },
    onWritten: (
      brokerName: string,
      before: GroupRecord | undefined,
      after: GroupRecord,
    ) => void = () => undefined,
  ) {
    this.#api = api;
    this.#cluster = cluster;
    this.#onWritten = onWritten;
  }

  /** Rejects when there is no such object: that a group has no record can only be said by the object itself. */
  async read(brokerName: string): Promise<StoredGroup | undefined> {
    return storedIn(await this.#get(brokerName));
  }

  async write(
    brokerName: string,
    record: GroupRecord,
    expected: RecordVersion | undefined,
  ): Promise<'written' | 'conflict'> {
    const known = this.#read.get(brokerName);
    const isKnown = expected !== undefined && known?.metadata.resourceVersion === expected;
    const object = isKnown ? known : await this.#get(brokerName);
    const before = storedIn(object);
    if (before?.version !== expected) return 'conflict';
    try {
      const next = { ...object, status: statusWith(object.status, record) };
      this.#read.set(brokerName, await this.#api.replaceStatus(GROUPS, next));
    } catch (error) {
      this.#read.delete(brokerName);
      if (isKubeError(error, 'conflict')) return 'conflict';
      throw error;
    }
    this.#onWritten(brokerName, before?.record, record);
    return 'written';
  }

  async #get(brokerName: string): Promise<BrokerGroup> {
    const { namespace, name: cluster } = this.#cluster;
    const name = groupObjectName(cluster, brokerName);
    const object = await this.#api.find(GROUPS, { namespace, name });
    if (object === undefined) {
      this.#read.delete(brokerName);
      throw new MqError('broker-group-unknown', { group: `${namespace}/${name}` });
    }
    this.#read.set(brokerName, object);
    return object;
  }
}

/** The record in an object; undefined before there is one. Throws when it is damaged: then nobody is elected. */
export function recordIn(object: BrokerGroup): GroupRecord | undefined {
  const { status } = object;
  if (status === undefined || !Object.hasOwn(status, 'format')) return undefined;
  try {
    return recordFromJson(status);
  } catch (error) {
    const { namespace = '', name } = object.metadata;
    const reason = String((error as { message?: unknown }).message);
    const file = `the status of BrokerGroup ${namespace}/${name}`;
    throw new MqError('group-record-damaged', { file, reason }, error);
  }
}

function storedIn(object: BrokerGroup): StoredGroup | undefined {
  const record = recordIn(object);
  if (record === undefined) return undefined;
  return { record, version: object.metadata.resourceVersion ?? '' };
}

/** The record's fields stand in the status beside those of the operator, which stay. */
function statusWith(before: BrokerGroupStatus | undefined, record: GroupRecord): BrokerGroupStatus {
  const { observedGeneration, conditions } = before ?? {};
  return {
    ...(JSON.parse(recordToJson(record)) as BrokerGroupStatus),
    ...(observedGeneration !== undefined && { observedGeneration }),
    ...(conditions !== undefined && { conditions }),
  };
}
