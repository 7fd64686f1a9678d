import type { MemberRole, MemberStatus } from '../../common/model/broker-group.ts';
import { epoch as toEpoch, type Epoch } from '../../common/model/offsets.ts';
import type { Broker } from '../broker.ts';
import type { MemberTerm } from './member-term.ts';

/** What a status is made of. */
export interface MemberView {
  readonly brokerName: string;
  readonly memberName: string;
  readonly runId: string;
  readonly statusVersion: number;
  readonly role: MemberRole;
  readonly acceptedEpoch: Epoch;
  /** Undefined while its data is not open. */
  readonly broker: Broker | undefined;
  readonly term: MemberTerm | undefined;
  readonly confirmOffset: number;
  readonly masterName: string;
  readonly isFollowing: boolean;
  readonly trouble: string;
  readonly nowMs: number;
}

export function describeMember(view: MemberView): MemberStatus {
  const { broker, role, trouble } = view;
  const { brokerName, memberName, runId, statusVersion, acceptedEpoch } = view;
  const storeRefusal = broker?.services.health.storeRefusal();
  const refusal = storeRefusal ?? view.term?.refusal();
  return {
    ...{ brokerName, memberName, runId, statusVersion, role, acceptedEpoch },
    ...describeLog(view),
    // Of a record that is there, not of one that was announced: who has most of the log goes by it.
    lastEpoch: broker?.log.lastEpoch ?? toEpoch(0),
    isWritable: role === 'master' && broker?.services.health.isWritable === true,
    reason: refusal?.message ?? trouble,
    masterName: view.masterName,
    isFollowing: view.isFollowing,
    ...describeTerm(view),
    isUnfit: broker === undefined || storeRefusal !== undefined,
  };
}

function describeLog({
  broker,
  confirmOffset,
}: MemberView): Pick<
  MemberStatus,
  'logStartOffset' | 'logEndOffset' | 'durableOffset' | 'confirmOffset'
> {
  if (broker === undefined)
    return { logStartOffset: 0, logEndOffset: 0, durableOffset: 0, confirmOffset: 0 };
  const { startOffset, endOffset, durableOffset } = broker.log;
  return {
    logStartOffset: startOffset,
    logEndOffset: endOffset,
    durableOffset,
    confirmOffset: Math.min(confirmOffset, endOffset),
  };
}

function describeTerm({
  term,
  broker,
  nowMs,
}: MemberView): Pick<
  MemberStatus,
  'syncStateSet' | 'setVersion' | 'wantedSet' | 'followers' | 'leaseLeftMs'
> {
  if (term === undefined || broker === undefined)
    return { syncStateSet: [], setVersion: 0, wantedSet: undefined, followers: [], leaseLeftMs: 0 };
  const { syncStateSet, setVersion } = term.terms;
  return {
    ...{ syncStateSet, setVersion },
    wantedSet: term.wantedSet(),
    followers: term.replication.sync.followers(nowMs, broker.log.endOffset),
    leaseLeftMs: Math.round(Math.max(term.leaseLeftMs(), -1)),
  };
}
