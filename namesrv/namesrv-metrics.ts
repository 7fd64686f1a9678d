import type { Clock } from '../common/environment/clock.ts';
import type { Metrics } from '../common/metrics/metrics.ts';
import type { BrokerRegistry } from './registry/core/broker-registry.ts';

const STATES = ['up', 'unknown', 'silent', 'gone'] as const;

/** What a NameServer counts besides its gateway. */
export function registerNamesrvMetrics(
  metrics: Metrics,
  registry: BrokerRegistry,
  clock: Clock,
): void {
  metrics.collect('registeredBrokers', () =>
    STATES.map((state) => [
      { state },
      registry.members.filter(({ absence }) => (absence ?? 'up') === state).length,
    ]),
  );
  metrics.collect('heartbeatAge', () =>
    registry.up.map(({ name, lastHeardMs }) => [
      { broker: name },
      (clock.monotonicMs() - lastHeardMs) / 1_000,
    ]),
  );
}
