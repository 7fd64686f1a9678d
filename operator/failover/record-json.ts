/** A group record as the text of a file, and back with every field checked: a record that was damaged must not elect anybody. */
import type { GroupMember, ReplicationMode } from '../../common/model/broker-group.ts';
import { epoch, type Epoch } from '../../common/model/offsets.ts';
import {
  PHASES,
  TRANSITIONS_MAX,
  type EarlierTerms,
  type GroupRecord,
  type MasterRun,
} from './core/group-record.ts';
import type { GroupSpec } from './core/group-spec.ts';
import {
  TRANSITION_CAUSES,
  type OpenTransition,
  type Transition,
  type TransitionPhase,
} from './core/transition.ts';

const RECORD_FORMAT = 1;

export function recordToJson(record: GroupRecord): string {
  return JSON.stringify({ format: RECORD_FORMAT, ...record }, undefined, 2);
}

/** Throws an `Error` that names the field. */
export function recordFromJson(value: unknown): GroupRecord {
  const fields = new Fields(value, 'record');
  const format = fields.count('format');
  if (format !== RECORD_FORMAT) throw new Error(`format is ${format}, not ${RECORD_FORMAT}`);
  const record: GroupRecord = {
    brokerName: fields.text('brokerName'),
    epoch: fields.epoch('epoch'),
    phase: fields.oneOf('phase', PHASES),
    master: fields.optional('master', masterFrom),
    syncStateSet: fields.texts('syncStateSet'),
    setVersion: fields.count('setVersion'),
    spec: specFrom(fields.object('spec')),
    earlierTerms: fields.optional('earlierTerms', earlierTermsFrom),
    fencedMembers: fields.texts('fencedMembers'),
    blocked: fields.text('blocked'),
    transition: fields.optional('transition', openTransitionFrom),
    transitions: fields.list('transitions', transitionFrom).slice(0, TRANSITIONS_MAX),
  };
  return consistent(record);
}

/** What no controller writes. */
function consistent(record: GroupRecord): GroupRecord {
  const { phase, master, syncStateSet, setVersion } = record;
  const isServing = phase === 'stable' || phase === 'promoting' || phase === 'handing-over';
  if (isServing && (master === undefined || setVersion < 1)) {
    throw new Error(`phase ${phase} has no master`);
  }
  if (isServing && !syncStateSet.includes(master?.name ?? '')) {
    throw new Error('the master is not in the in-sync set');
  }
  return record;
}

const REPLICATION: readonly ReplicationMode[] = ['async', 'sync'];
const PHASE_NAMES: readonly TransitionPhase['name'][] = [
  ...(['detected', 'handed-over', 'revoked', 'elected', 'promoted', 'open'] as const),
];

function masterFrom(fields: Fields): MasterRun {
  return { name: fields.text('name'), runId: fields.text('runId') };
}

function memberFrom(fields: Fields): GroupMember {
  const address = fields.object('address');
  return {
    name: fields.text('name'),
    address: { host: address.text('host'), port: address.count('port') },
  };
}

function earlierTermsFrom(fields: Fields): EarlierTerms {
  return {
    replication: fields.oneOf('replication', REPLICATION),
    uncleanElection: fields.flag('uncleanElection'),
  };
}

function specFrom(fields: Fields): GroupSpec {
  return {
    brokerName: fields.text('brokerName'),
    members: fields.list('members', memberFrom),
    minInSyncReplicas: fields.count('minInSyncReplicas'),
    ...earlierTermsFrom(fields),
  };
}

function phaseFrom(fields: Fields): TransitionPhase {
  return { name: fields.oneOf('name', PHASE_NAMES), durationMs: fields.number('durationMs') };
}

function outcomeFrom(fields: Fields): Pick<Transition, keyof OpenTransition & keyof Transition> {
  return {
    reason: fields.text('reason'),
    cause: fields.oneOf('cause', TRANSITION_CAUSES),
    oldEpoch: fields.epoch('oldEpoch'),
    oldMaster: fields.text('oldMaster'),
    startedAtMs: fields.number('startedAtMs'),
    phases: fields.list('phases', phaseFrom),
    logEndOffset: fields.count('logEndOffset'),
    isUnclean: fields.flag('isUnclean'),
    lostBytesMax: fields.number('lostBytesMax'),
  };
}

function openTransitionFrom(fields: Fields): OpenTransition {
  return {
    ...outcomeFrom(fields),
    target: fields.text('target'),
    onFailure: fields.oneOf('onFailure', ['resume', 'revoke'] as const),
    phaseAtMs: fields.number('phaseAtMs'),
  };
}

function transitionFrom(fields: Fields): Transition {
  return {
    ...outcomeFrom(fields),
    newEpoch: fields.epoch('newEpoch'),
    newMaster: fields.text('newMaster'),
    durationMs: fields.number('durationMs'),
  };
}

/** The fields of one object, each of the kind that it must be. */
class Fields {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null) throw new Error(`${path} is not an object`);
    this.#value = value as Readonly<Record<string, unknown>>;
    this.#path = path;
  }

  text(name: string): string {
    const value = this.#value[name];
    return typeof value === 'string' ? value : this.#fail(name, 'text');
  }

  number(name: string): number {
    const value = this.#value[name];
    return typeof value === 'number' && Number.isFinite(value)
      ? value
      : this.#fail(name, 'a number');
  }

  count(name: string): number {
    const value = this.number(name);
    return Number.isSafeInteger(value) && value >= 0 ? value : this.#fail(name, 'a count');
  }

  epoch(name: string): Epoch {
    const value = this.count(name);
    return value < 2 ** 32 ? epoch(value) : this.#fail(name, 'an epoch');
  }

  flag(name: string): boolean {
    const value = this.#value[name];
    return typeof value === 'boolean' ? value : this.#fail(name, 'true or false');
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice {
    const value = this.text(name);
    const choice = choices.find((candidate) => candidate === value);
    return choice ?? this.#fail(name, `one of ${choices.join(', ')}`);
  }

  texts(name: string): readonly string[] {
    return this.#array(name).map((value) =>
      typeof value === 'string' ? value : this.#fail(name, 'a list of texts'),
    );
  }

  list<Item>(name: string, read: (fields: Fields) => Item): readonly Item[] {
    return this.#array(name).map((value, index) =>
      read(new Fields(value, `${this.#path}.${name}[${index}]`)),
    );
  }

  object(name: string): Fields {
    return new Fields(this.#value[name], `${this.#path}.${name}`);
  }

  optional<Item>(name: string, read: (fields: Fields) => Item): Item | undefined {
    return this.#value[name] === undefined ? undefined : read(this.object(name));
  }

  #array(name: string): readonly unknown[] {
    const value = this.#value[name];
    return Array.isArray(value) ? (value as readonly unknown[]) : this.#fail(name, 'a list');
  }

  #fail(name: string, expected: string): never {
    throw new Error(`${this.#path}.${name} is not ${expected}`);
  }
}
