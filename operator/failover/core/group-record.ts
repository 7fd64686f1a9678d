/**
 * What is stored of a broker group: one small object, replaced only by compare-and-swap. It is the group's only consensus:
 * who is master in which epoch, and which members have everything that was confirmed, is what stands here and nowhere else.
 */
import type { GroupTerms } from '../../../common/model/broker-group.ts';
import { epoch, type Epoch } from '../../../common/model/offsets.ts';
import type { GroupSpec } from './group-spec.ts';
import type { OpenTransition, Transition } from './transition.ts';

/**
 * `new`: no master was ever elected. `stable`: the master of the epoch serves. `handing-over`: it is asked to bring another
 * member level with it. `revoking`: the epoch belongs to nobody yet, members promise to refuse lower ones. `promoting`: it
 * belongs to `master`, which is being told. `fenced`: it belongs to nobody until an administrator says so.
 */
export const PHASES = [
  ...(['new', 'stable', 'handing-over'] as const),
  ...(['revoking', 'promoting', 'fenced'] as const),
] as const;
export type Phase = (typeof PHASES)[number];

/** One run of the process of a member: a later one has forgotten what this one promised, but for its epoch. */
export interface MasterRun {
  readonly name: string;
  readonly runId: string;
}

/** Terms that a master may still work by, because it has not confirmed newer ones. */
export type EarlierTerms = Pick<GroupSpec, 'replication' | 'uncleanElection'>;

export interface GroupRecord {
  readonly brokerName: string;
  /** Highest epoch that was given out; 0 before the first election. */
  readonly epoch: Epoch;
  readonly phase: Phase;
  /** Master of the epoch; in `revoking` and `fenced` the last one, which may not know yet that it is deposed. */
  readonly master: MasterRun | undefined;
  /** Every one of them has all that was confirmed. Empty before the first election. */
  readonly syncStateSet: readonly string[];
  /** Counts the changes of the terms within the epoch, from 1. */
  readonly setVersion: number;
  /** The terms of the epoch. */
  readonly spec: GroupSpec;
  readonly earlierTerms: EarlierTerms | undefined;
  /** Never elected, until an administrator says so. */
  readonly fencedMembers: readonly string[];
  /** Why it does not get on; empty while it does. */
  readonly blocked: string;
  readonly transition: OpenTransition | undefined;
  /** Newest first. */
  readonly transitions: readonly Transition[];
}

export const TRANSITIONS_MAX = 10;

export function newRecord(spec: GroupSpec): GroupRecord {
  return {
    brokerName: spec.brokerName,
    epoch: epoch(0),
    phase: 'new',
    master: undefined,
    syncStateSet: [],
    setVersion: 0,
    spec,
    earlierTerms: undefined,
    fencedMembers: [],
    blocked: '',
    transition: undefined,
    transitions: [],
  };
}

/** What a master is told. */
export function termsOf({ epoch, setVersion, syncStateSet, spec }: GroupRecord): GroupTerms {
  const { members, replication, minInSyncReplicas, uncleanElection } = spec;
  return {
    ...{ epoch, setVersion, syncStateSet },
    ...{ members, replication, minInSyncReplicas, uncleanElection },
  };
}

/** Whether the epoch has a master that may serve. */
/** A change of masters has begun and is not done: until then nobody takes writes. */
export function isChanging({ phase }: GroupRecord): boolean {
  return phase === 'handing-over' || phase === 'revoking' || phase === 'promoting';
}

export function hasMaster({ phase }: GroupRecord): boolean {
  return phase === 'stable' || phase === 'promoting' || phase === 'handing-over';
}

export function isFenced({ fencedMembers }: GroupRecord, name: string): boolean {
  return fencedMembers.includes(name);
}
