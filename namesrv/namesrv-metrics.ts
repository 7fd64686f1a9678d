import type { Clock } from '../common/environment/clock.ts';
import type { Metrics } from '../common/metrics/metrics.ts';
import type { BrokerLinks } from './broker-links.ts';
import type { BrokerGroup } from './registry/core/broker-group.ts';
import type { BrokerRegistry } from './registry/core/broker-registry.ts';
import type { GroupMember } from './registry/core/group-member.ts';

const STATES = ['up', 'unknown', 'silent', 'gone'] as const;
const ROLES = ['master', 'slave', 'deposed'] as const;

/** What a NameServer counts besides its gateway. */
export function registerNamesrvMetrics(
  metrics: Metrics,
  registry: BrokerRegistry,
  links: BrokerLinks,
  clock: Clock,
): void {
  const heard = (): readonly { group: BrokerGroup; member: GroupMember }[] =>
    registry.groups.flatMap((group) =>
      [...group.members.values()].filter(({ isUp }) => isUp).map((member) => ({ group, member })),
    );
  metrics.collect('registeredBrokers', () =>
    STATES.map((state) => [
      { state },
      registry.groups.filter(({ absence }) => (absence ?? 'up') === state).length,
    ]),
  );
  metrics.collect('registeredMembers', () => {
    const roles = heard().map(({ group, member }) => roleOf(group, member));
    return ROLES.map((role) => [{ role }, roles.filter((other) => other === role).length]);
  });
  metrics.collect('heartbeatAge', () =>
    heard().map(({ group, member: { name, lastHeardMs } }) => [
      { broker: group.name, member: name },
      (clock.monotonicMs() - lastHeardMs) / 1_000,
    ]),
  );
  metrics.collect('namesrvHeldRequests', () => [[{}, links.held]]);
}

function roleOf(group: BrokerGroup, member: GroupMember): (typeof ROLES)[number] {
  if (member.isSlave) return 'slave';
  return group.isDeposed(member) ? 'deposed' : 'master';
}
