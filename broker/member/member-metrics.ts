import type { Metrics } from '../../common/metrics/metrics.ts';
import type { MemberRole } from '../../common/model/broker-group.ts';
import type { BrokerMember } from './broker-member.ts';

const ROLES: readonly MemberRole[] = [
  ...(['recovering', 'follower', 'promoting', 'master', 'handing-over'] as const),
];

/** Role, epoch, and how far the slaves are; read when somebody scrapes. */
export function registerMemberMetrics(metrics: Metrics, member: BrokerMember): void {
  metrics.collect('memberRole', () =>
    ROLES.map((role) => [{ role }, Number(member.role === role)] as const),
  );
  metrics.collectValue('memberEpoch', () => member.epoch);
  metrics.collectValue('confirmOffset', () => member.status().confirmOffset);
  metrics.collectValue('inSyncMembers', () => member.term?.terms.syncStateSet.length ?? 0);
  metrics.collectValue('writeLeaseLeft', () =>
    Math.max(0, (member.term?.leaseLeftMs() ?? 0) / 1_000),
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
