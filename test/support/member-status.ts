import type { MemberStatus } from '../../common/model/broker-group.ts';
import { epoch } from '../../common/model/offsets.ts';

/** A follower of an empty group that has nothing to say. */
export function memberStatus(changes: Partial<MemberStatus> = {}): MemberStatus {
  return {
    brokerName: 'broker-a',
    memberName: 'broker-a-0',
    runId: 'run-0',
    statusVersion: 1,
    role: 'follower',
    acceptedEpoch: epoch(0),
    lastEpoch: epoch(0),
    logStartOffset: 0,
    logEndOffset: 0,
    durableOffset: 0,
    confirmOffset: 0,
    isWritable: false,
    reason: '',
    masterName: '',
    isFollowing: false,
    syncStateSet: [],
    setVersion: 0,
    wantedSet: undefined,
    followers: [],
    leaseLeftMs: 0,
    isUnfit: false,
    ...changes,
  };
}
