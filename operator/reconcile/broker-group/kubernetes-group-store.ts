import type { Clock } from '../../../common/environment/clock.ts';
import type { BrokerGroup, BrokerGroupStatus } from '../../api/broker-group-schema.ts';
import type { GroupRecord } from '../../failover/core/group-record.ts';
import type { GroupStore, RecordVersion, StoredGroup } from '../../failover/group-store.ts';
import { recordFromJson, recordToJson } from '../../failover/record-json.ts';
import { MqError } from '../../../common/errors/mq-error.ts';
import { isKubeError } from '../../kube/kube-error.ts';
import { groupObjectName } from '../../resource/names.ts';
import { OWN_RESOURCES } from '../own-resources.ts';
import type { CachedObjects, LiveApi } from '../reconcile-ports.ts';
import { NewestVersion } from './core/newest-version.ts';

const GROUPS = OWN_RESOURCES.brokerGroups;
/** A cache that is behind what this process knows for longer is not waited for: the server is asked. */
const CACHE_LAG_MAX_MS = 5_000;

export interface GroupStorePorts {
  readonly api: Pick<LiveApi, 'find' | 'replaceStatus'>;
  /** Follows every change; it may be behind. */
  readonly groups: Pick<CachedObjects<BrokerGroup>, 'get'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly onWritten?: (
    brokerName: string,
    before: GroupRecord | undefined,
    after: GroupRecord,
  ) => void;
}

/** One group, as this process knows it. */
interface Known {
  readonly versions: NewestVersion;
  readonly object: BrokerGroup;
  /** Version of the object in which its record was first seen: other changes of the object leave it as it is. */
  readonly recordVersion: RecordVersion;
  /** When the object was read or written last. */
  readonly atMs: number;
}

/**
 * Records as the status of BrokerGroup objects. The first read asks the server; from then on the cache tells what others
 * change, and own writes count before the cache has them, so that a quiet group costs no call. A copy may still be behind for
 * a moment, as the answer of a GET may be when it arrives: nothing rests on that, since a write replaces the status only if
 * the object has the newest version that is known and its record is the one that was read, and orders carry the epoch. After
 * a conflict the server is asked. Writes of this process wait for each other, so that none makes another one fail.
 */
export class KubernetesGroupStore implements GroupStore {
  readonly #ports: GroupStorePorts;
  readonly #cluster: { readonly namespace: string; readonly name: string };
  /** Bound: groups of the cluster. */
  readonly #known = new Map<string, Known>();
  /** The last write of each group; it never rejects. */
  readonly #writes = new Map<string, Promise<unknown>>();

  constructor(
    ports: GroupStorePorts,
    cluster: { readonly namespace: string; readonly name: string },
  ) {
    this.#ports = ports;
    this.#cluster = cluster;
  }

  /** Rejects when there is no such object: that a group has no record can only be said by the object itself. */
  async read(brokerName: string): Promise<StoredGroup | undefined> {
    return storedIn(await this.#newest(brokerName));
  }

  write(
    brokerName: string,
    record: GroupRecord,
    expected: RecordVersion | undefined,
  ): Promise<'written' | 'conflict'> {
    return this.#inTurn(brokerName, async () => {
      const known = await this.#newest(brokerName);
      const { object } = known;
      const before = storedIn(known);
      if (before?.version !== expected) return 'conflict';
      const status = statusWith(object.status, record);
      if (!(await this.#replace(brokerName, { ...object, status }))) return 'conflict';
      this.#ports.onWritten?.(brokerName, before?.record, record);
      return 'written';
    });
  }

  /** What the operator says of the group beside its record. `change` returns undefined when there is nothing to write. */
  annotate(
    brokerName: string,
    change: (
      object: BrokerGroup,
    ) => Pick<BrokerGroupStatus, 'conditions' | 'observedGeneration'> | undefined,
  ): Promise<'written' | 'unchanged' | 'conflict'> {
    return this.#inTurn(brokerName, async () => {
      const { object } = await this.#newest(brokerName);
      if (object.status === undefined) return 'unchanged';
      const fields = change(object);
      if (fields === undefined) return 'unchanged';
      const status = { ...object.status, ...fields };
      return (await this.#replace(brokerName, { ...object, status })) ? 'written' : 'conflict';
    });
  }

  /** False: somebody else was faster. */
  async #replace(brokerName: string, next: BrokerGroup): Promise<boolean> {
    try {
      const stored = await this.#ports.api.replaceStatus(GROUPS, next);
      this.#remember(brokerName, stored);
      return true;
    } catch (error) {
      // Also when it is not known whether it was stored.
      this.#known.delete(brokerName);
      if (isKubeError(error, 'conflict')) return false;
      throw error;
    }
  }

  async #newest(brokerName: string): Promise<Known> {
    const known = this.#known.get(brokerName);
    const cached = this.#cached(brokerName);
    if (known === undefined || cached === undefined) return this.#ask(brokerName);
    switch (known.versions.compare(versionOf(cached))) {
      case 'same':
        return known;
      case 'newer':
        return this.#remember(brokerName, cached);
      case 'older': {
        const lagMs = this.#ports.clock.monotonicMs() - known.atMs;
        return lagMs < CACHE_LAG_MAX_MS ? known : this.#ask(brokerName);
      }
      case 'unknown':
        return this.#ask(brokerName);
    }
  }

  /** The object as it is stored now. */
  async #ask(brokerName: string): Promise<Known> {
    const { namespace } = this.#cluster;
    const name = this.#nameOf(brokerName);
    const before = this.#cached(brokerName);
    const object = await this.#ports.api.find(GROUPS, { namespace, name });
    if (object === undefined) {
      this.#known.delete(brokerName);
      throw new MqError('broker-group-unknown', { group: `${namespace}/${name}` });
    }
    return this.#remember(brokerName, object, before);
  }

  /** `older`: what the cache had before the question that `object` answers. */
  #remember(brokerName: string, object: BrokerGroup, older?: BrokerGroup): Known {
    const known = this.#known.get(brokerName);
    const versions = known?.versions ?? new NewestVersion();
    if (older !== undefined) versions.set(versionOf(older));
    versions.set(versionOf(object));
    const cached = this.#cached(brokerName);
    if (cached !== undefined) versions.compare(versionOf(cached));
    const isSame = known !== undefined && hasSameRecord(known.object, object);
    const recordVersion = isSame ? known.recordVersion : versionOf(object);
    const atMs = this.#ports.clock.monotonicMs();
    const next = { versions, object, recordVersion, atMs };
    this.#known.set(brokerName, next);
    return next;
  }

  async #inTurn<T>(brokerName: string, work: () => Promise<T>): Promise<T> {
    const before = this.#writes.get(brokerName) ?? Promise.resolve();
    const after = before.then(work);
    this.#writes.set(
      brokerName,
      after.catch(() => undefined),
    );
    return after;
  }

  #cached(brokerName: string): BrokerGroup | undefined {
    return this.#ports.groups.get(this.#cluster.namespace, this.#nameOf(brokerName));
  }

  #nameOf(brokerName: string): string {
    return groupObjectName(this.#cluster.name, brokerName);
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

function storedIn({ object, recordVersion }: Known): StoredGroup | undefined {
  const record = recordIn(object);
  return record && { record, version: recordVersion };
}

function hasSameRecord(a: BrokerGroup, b: BrokerGroup): boolean {
  return a.metadata.uid === b.metadata.uid && recordText(a) === recordText(b);
}

function recordText({ status }: BrokerGroup): string {
  const rest = { ...status, conditions: undefined, observedGeneration: undefined };
  return JSON.stringify(rest);
}

function versionOf({ metadata }: BrokerGroup): string {
  return metadata.resourceVersion ?? '';
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
