import type { Clock } from '../../common/environment/clock.ts';
import type { Metrics } from '../../common/metrics/metrics.ts';
import { isLeading, type MemberRole } from '../../common/model/broker-group.ts';
import type { BrokerMember } from './broker-member.ts';

const ROLES: readonly MemberRole[] = [
  ...(['recovering', 'follower', 'promoting', 'master', 'handing-over'] as const),
];

export type MeteredMember = Pick<BrokerMember, 'role' | 'epoch' | 'term' | 'status' | 'onChange'>;

/** Role, epoch, and how far the slaves are; read when somebody scrapes. */
export function registerMemberMetrics(
  metrics: Metrics,
  member: MeteredMember,
  clock: Pick<Clock, 'monotonicMs'>,
): void {
  collectSinceMaster(metrics, member, clock);
  metrics.collect('memberRole', () =>
    ROLES.map((role) => [{ role }, Number(member.role === role)] as const),
  );
  metrics.collectValue('memberEpoch', () => member.epoch);
  metrics.collectValue('confirmOffset', () => member.status().confirmOffset);
  metrics.collectValue('inSyncMembers', () => member.term?.terms.syncStateSet.length ?? 0);
  metrics.collectValue('writeLeaseLeft', () =>
    Math.max(0, (member.term?.leaseLeftMs() ?? 0) / 1_000),
  );
  metrics.collect('slaveConnected', () =>
    member
      .status()
      .followers.map(
        ({ memberName, isConnected }) => [{ member: memberName }, Number(isConnected)] as const,
      ),
  );
  metrics.collect('replicationLagBytes', () =>
    member
      .status()
      .followers.map(({ memberName, lagBytes }) => [{ member: memberName }, lagBytes] as const),
  );
  metrics.collect('replicationLagSeconds', () =>
    member
      .status()
      .followers.map(({ memberName, lagMs }) => [{ member: memberName }, lagMs / 1_000] as const),
  );
}

/** What waits for clients to leave a former master (operator/resource/wait-for-hand-over.ts) asks for it. */
function collectSinceMaster(
  metrics: Metrics,
  member: MeteredMember,
  clock: Pick<Clock, 'monotonicMs'>,
): void {
  let wasLeading = isLeading(member.role);
  let sinceMs = clock.monotonicMs();
  member.onChange(() => {
    if (wasLeading) sinceMs = clock.monotonicMs();
    wasLeading = isLeading(member.role);
  });
  metrics.collectValue('memberSinceMaster', () =>
    isLeading(member.role) ? 0 : (clock.monotonicMs() - sinceMs) / 1_000,
  );
}
