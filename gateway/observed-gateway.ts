import type { Logger } from '../common/log/logger.ts';
import type { HistogramCell } from '../common/metrics/metric-cell.ts';
import type { Metrics } from '../common/metrics/metrics.ts';
import { RateLimitedReport } from '../common/rpc/rate-limited-report.ts';
import { Code } from '../proto/generated/v2.ts';
import { createGateway, type Gateway, type GatewayParts } from './gateway.ts';

const REPORT_INTERVAL_MS = 10_000;

/** A gateway that is counted and logged. */
export function createObservedGateway(
  parts: Omit<GatewayParts, 'onUnexpected' | 'onAnswered' | 'onOverload' | 'onUntold'>,
  logger: Logger,
  metrics: Metrics,
): Gateway {
  const own = logger.child('gateway');
  const untold = new RateLimitedReport(parts.environment.clock, REPORT_INTERVAL_MS);
  const gateway = createGateway({
    ...parts,
    onUnexpected: (where, error) => {
      own.error('unexpected error', { where, error });
    },
    onAnswered: rpcLatency(metrics),
    onOverload: (limit) => {
      metrics.counter('admissionRefused').cell({ limit }).add();
    },
    onUntold: (what, error) => {
      const suppressed = untold.admit();
      if (suppressed === undefined) return;
      own.warn('a broker could not be told of a client; the next heartbeat tells it again', {
        ...{ what, error, suppressed },
      });
    },
  });
  metrics.collectValue('admissionRequests', () => gateway.admission.requests);
  metrics.collectValue('admissionBytes', () => gateway.admission.bytes);
  metrics.collect('processorWatermark', () => [
    [{ processor: 'request' }, gateway.admission.requests],
    [{ processor: 'waiting-receive' }, gateway.admission.waitingReceives],
  ]);
  metrics.collect('proxyUp', () => [
    [{ proxy_mode: parts.localBroker === undefined ? 'cluster' : 'local' }, 1],
  ]);
  return gateway;
}

/** Cells by rpc and code, so that an answer costs two look-ups. */
function rpcLatency(metrics: Metrics): NonNullable<Gateway['onAnswered']> {
  const cells = new Map<string, Map<number, HistogramCell>>();
  return (rpc, code, durationMs) => {
    let byCode = cells.get(rpc);
    if (byCode === undefined) cells.set(rpc, (byCode = new Map<number, HistogramCell>()));
    let cell = byCode.get(code);
    if (cell === undefined) {
      cell = metrics.histogram('rpcLatency').cell({
        protocol_type: 'grpc',
        request_code: rpc,
        response_code: Code[code] ?? String(code),
        is_long_polling: String(rpc === 'ReceiveMessage'),
        result: code === Code.OK ? 'success' : 'failed',
      });
      byCode.set(code, cell);
    }
    cell.observe(durationMs);
  };
}
