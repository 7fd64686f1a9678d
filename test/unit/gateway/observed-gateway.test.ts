import { describe, expect, it } from '@jest/globals';
import { MqError } from '../../../common/errors/mq-error.ts';
import type { Gateway } from '../../../gateway/gateway.ts';
import { createObservedGateway } from '../../../gateway/observed-gateway.ts';
import { statusFor } from '../../../gateway/unary-rpc.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { GATEWAY_OPTIONS } from '../../support/gateway-server.ts';
import { kubeMetrics, metricValue } from '../../support/kube-ports.ts';
import { ManualTime } from '../../support/manual-time.ts';

function observed() {
  const time = new ManualTime();
  const metrics = kubeMetrics();
  const environment = { clock: time, timers: time } as unknown as Gateway['environment'];
  const gateway = createObservedGateway(
    {
      cluster: new FakeCluster(),
      localBroker: 'broker-a',
      options: GATEWAY_OPTIONS,
      environment,
    },
    new CollectingLogger(),
    metrics,
  );
  return { gateway, metrics };
}

describe('a gateway that is counted', () => {
  it('counts what it refuses for want of room, by the limit that was reached', async () => {
    const { gateway, metrics } = observed();
    statusFor(new MqError('too-many-requests', { what: 'a', limit: 1 }), 'SendMessage', gateway);
    statusFor(new MqError('log-full', { pendingBytes: 2, limitBytes: 1 }), 'SendMessage', gateway);
    statusFor(new MqError('client-id-required', {}), 'SendMessage', gateway);
    const name = 'orbitmq_admission_refused_total';
    expect(await metricValue(metrics, name, 'limit="a"')).toBe(1);
    expect(await metricValue(metrics, name, 'limit="log-full"')).toBe(1);
    expect(await metricValue(metrics, name)).toBe(2);
  });

  it('tells what is in work now', async () => {
    const { gateway, metrics } = observed();
    gateway.admission.enter('c', 1);
    const waiting = gateway.admission.enterReceive('c');
    const name = 'rocketmq_processor_watermark';
    expect(await metricValue(metrics, name, 'processor="request"')).toBe(1);
    expect(await metricValue(metrics, name, 'processor="waiting-receive"')).toBe(1);
    waiting.leave();
    expect(await metricValue(metrics, name, 'processor="waiting-receive"')).toBe(0);
  });
});
