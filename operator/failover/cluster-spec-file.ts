import { parse } from 'yaml';
import type { Disk } from '../../common/environment/disk.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { systemReason } from '../../common/errors/system-error.ts';
import type { GroupMember } from '../../common/model/broker-group.ts';
import type { Address } from '../../common/options/option-definition.ts';
import { parseAddress } from '../../common/options/parse-value.ts';
import type { ClusterSpec, ClusterSpecSource } from './cluster-spec.ts';
import type { GroupSpec } from './core/group-spec.ts';

/** More is a mistake, not a cluster. */
const FILE_BYTES_MAX = 1 << 20;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,126}$/;

/** The YAML file that `--cluster-spec` names. */
export class ClusterSpecFile implements ClusterSpecSource {
  readonly #disk: Pick<Disk, 'readFile'>;
  readonly #file: string;

  constructor(disk: Pick<Disk, 'readFile'>, file: string) {
    this.#disk = disk;
    this.#file = file;
  }

  async read(): Promise<ClusterSpec> {
    let content: Buffer;
    try {
      content = await this.#disk.readFile(this.#file);
    } catch (error) {
      throw this.#unusable(systemReason(error), error);
    }
    if (content.length > FILE_BYTES_MAX) throw this.#unusable('it is larger than 1 MiB');
    try {
      return parseClusterSpec(content.toString('utf8'));
    } catch (error) {
      throw this.#unusable(systemReason(error), error);
    }
  }

  #unusable(reason: string, cause?: unknown): MqError {
    return new MqError('cluster-spec-unusable', { file: this.#file, reason }, cause);
  }
}

/** Throws an `Error` that names the field and says what it should be. */
export function parseClusterSpec(text: string): ClusterSpec {
  const root = new Section(parse(text, { uniqueKeys: true }), '', ROOT_KEYS);
  const groups = root.sections('groups', GROUP_KEYS).map(groupFrom);
  const nameServers = root.list('nameServers').map((value, index) => {
    return addressFrom(value, `nameServers[${index}]`);
  });
  unique(groups, ({ brokerName }) => brokerName, 'groups');
  unique(
    groups.flatMap(({ members }) => members),
    ({ name }) => name,
    'members',
  );
  unique(nameServers, ({ host, port }) => `${host}:${port}`, 'nameServers');
  return {
    clusterName: root.optionalText('clusterName'),
    nameServers,
    groups,
    processDirectory: root.optionalText('processDirectory'),
  };
}

const ROOT_KEYS = ['clusterName', 'nameServers', 'groups', 'processDirectory'];
const GROUP_KEYS = [...['name', 'replication', 'minInSyncReplicas', 'uncleanElection', 'members']];
const MEMBER_KEYS = ['name', 'address'];

function groupFrom(section: Section): GroupSpec {
  const members = section.sections('members', MEMBER_KEYS).map(memberFrom);
  if (members.length === 0) throw section.wrong('members', 'names no member');
  const minInSyncReplicas = section.count('minInSyncReplicas', 1);
  if (minInSyncReplicas > members.length) {
    const reason = `is ${minInSyncReplicas}, more than the group has members (${members.length})`;
    throw section.wrong('minInSyncReplicas', reason);
  }
  const replication = section.optionalText('replication') ?? 'async';
  if (replication !== 'async' && replication !== 'sync') {
    throw section.wrong('replication', `is "${replication}"; write async or sync`);
  }
  return {
    ...{ brokerName: section.name('name'), members, replication, minInSyncReplicas },
    uncleanElection: section.flag('uncleanElection', false),
  };
}

function memberFrom(section: Section): GroupMember {
  return {
    name: section.name('name'),
    address: addressFrom(section.text('address'), section.pathOf('address')),
  };
}

function addressFrom(value: unknown, path: string): Address {
  const parsed = typeof value === 'string' ? parseAddress(value) : undefined;
  if (parsed === undefined) throw new Error(`${path} must be HOST:PORT`);
  if (!parsed.ok) throw new Error(`${path}: ${parsed.reason}`);
  const address = parsed.value as Address;
  if (address.port === 0) throw new Error(`${path} must have a port other than 0`);
  return address;
}

function unique<Item>(items: readonly Item[], key: (item: Item) => string, what: string): void {
  const seen = new Set<string>();
  for (const item of items) {
    if (seen.has(key(item))) throw new Error(`${what}: "${key(item)}" is there twice`);
    seen.add(key(item));
  }
}

/** A map of the file, with the path that leads to it. */
class Section {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path: string, keys: readonly string[]) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Error(`${path === '' ? 'the file' : path} must be a map`);
    }
    this.#values = value as Readonly<Record<string, unknown>>;
    this.#path = path;
    const unknown = Object.keys(value).find((key) => !keys.includes(key));
    if (unknown !== undefined) {
      throw this.wrong(unknown, `is not known here; known are ${keys.join(', ')}`);
    }
  }

  pathOf(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }

  wrong(key: string, reason: string): Error {
    return new Error(`${this.pathOf(key)} ${reason}`);
  }

  text(key: string): string {
    const value = this.optionalText(key);
    if (value === undefined) throw this.wrong(key, 'is missing');
    return value;
  }

  optionalText(key: string): string | undefined {
    const value = this.#values[key] ?? undefined;
    if (value === undefined || (typeof value === 'string' && value !== '')) return value;
    throw this.wrong(key, 'must be a text');
  }

  name(key: string): string {
    const value = this.text(key);
    if (NAME.test(value)) return value;
    throw this.wrong(key, `is "${value}"; a name has letters, digits, "_", "-" and "."`);
  }

  count(key: string, usual: number): number {
    const value = this.#values[key] ?? usual;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
    throw this.wrong(key, 'must be a whole number from 1 on');
  }

  flag(key: string, usual: boolean): boolean {
    const value = this.#values[key] ?? usual;
    if (typeof value === 'boolean') return value;
    throw this.wrong(key, 'must be true or false');
  }

  list(key: string): readonly unknown[] {
    const value = this.#values[key];
    if (Array.isArray(value)) return value as readonly unknown[];
    throw this.wrong(key, value === undefined ? 'is missing' : 'must be a list');
  }

  sections(key: string, keys: readonly string[]): readonly Section[] {
    return this.list(key).map(
      (value, index) => new Section(value, `${this.pathOf(key)}[${index}]`, keys),
    );
  }
}
