import type { Timers } from '../environment/timers.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { METRICS_CONTENT_TYPE } from '../metrics/process-metrics.ts';
import type { HttpReply, HttpRoutes } from './http-server.ts';

/** One condition for taking traffic. */
export interface ReadinessCheck {
  readonly name: string;
  /** Undefined when it holds, else why not. */
  reason(): string | undefined;
}

/**
 * `/metrics`, `/healthz` (the event loop answers) and `/readyz` (traffic is welcome; why not, otherwise). Health does not
 * look at readiness on purpose: a broker with a full disk must not be restarted for it.
 */
export function nodeRoutes(
  metrics: Metrics,
  timers: Timers,
  checks: readonly ReadinessCheck[],
): HttpRoutes {
  const look = () => {
    const results = checks.map((check) => ({ name: check.name, reason: check.reason() }));
    return { results, isReady: results.every(({ reason }) => reason === undefined) };
  };
  metrics.collectValue('ready', () => Number(look().isReady));
  return {
    '/metrics': () => ({
      status: 200,
      contentType: METRICS_CONTENT_TYPE,
      body: metrics.render(timers),
    }),
    '/healthz': () => json(200, { status: 'ok' }),
    '/readyz': () => {
      const { results, isReady } = look();
      return json(isReady ? 200 : 503, {
        status: isReady ? 'ready' : 'not ready',
        checks: results.map(({ name, reason }) => ({ name, ready: reason === undefined, reason })),
      });
    },
  };
}

function json(status: number, value: unknown): HttpReply {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` };
}
