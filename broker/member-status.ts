import type { MemberRole, MemberStatus } from '../common/model/broker-group.ts';
import { epoch as toEpoch, type Epoch } from '../common/model/offsets.ts';
import type { Broker } from './broker.ts';
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
  readonly lastEpoch: number;
  readonly term: MemberTerm | undefined;
  readonly confirmOffset: number;
  readonly masterName: string;
  readonly isFollowing: boolean;
  readonly trouble: string;
  readonly nowMs: number;
}

export function describeMember(view: MemberView): MemberStatus {
  const { broker, term, trouble } = view;
  const { brokerName, memberName, runId, statusVersion, role, acceptedEpoch } = view;
  const storeRefusal = broker?.services.health.storeRefusal();
  const refusal = storeRefusal ?? (term === undefined ? undefined : term.refusal());
  const end = broker?.log.endOffset ?? 0;
  return {
    ...{ brokerName, memberName, runId, statusVersion, role, acceptedEpoch },
    lastEpoch: toEpoch(view.lastEpoch),
    logStartOffset: broker?.log.startOffset ?? 0,
    logEndOffset: end,
    durableOffset: broker?.log.durableOffset ?? 0,
    confirmOffset: Math.min(view.confirmOffset, end),
    isWritable: role === 'master' && broker?.services.health.isWritable === true,
    reason: refusal?.message ?? trouble,
    masterName: view.masterName,
    isFollowing: view.isFollowing,
    syncStateSet: term?.terms.syncStateSet ?? [],
    setVersion: term?.terms.setVersion ?? 0,
    wantedSet: term?.wantedSet(),
    followers: term?.replication.sync.followers(view.nowMs, end) ?? [],
    leaseLeftMs: term === undefined ? 0 : Math.round(Math.max(term.leaseLeftMs(), -1)),
    isUnfit: broker === undefined || storeRefusal !== undefined,
  };
}
