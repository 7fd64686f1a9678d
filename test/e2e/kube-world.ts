import { NodeClock } from '../../common/environment/node/node-clock.ts';
import { NodeRandom } from '../../common/environment/node/node-random.ts';
import { NodeTimers } from '../../common/environment/node/node-timers.ts';
import type { Metrics } from '../../common/metrics/metrics.ts';
import { KubeClient } from '../../operator/kube/kube-client.ts';
import { KubeconfigTransport } from '../../operator/kube/kubeconfig-transport.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { kubeMetrics } from '../support/kube-ports.ts';

type KubeConfig = ConstructorParameters<typeof KubeconfigTransport>[0];

/** Clients with real time, real connections, and a list of everything that must not happen. */
export class KubeWorld {
  readonly clock = new NodeClock();
  readonly timers = new NodeTimers();
  readonly random = new NodeRandom();
  readonly logger = new CollectingLogger();
  readonly metrics: Metrics = kubeMetrics();
  readonly bugs: unknown[] = [];
  readonly fatal: unknown[] = [];
  readonly #transports: KubeconfigTransport[] = [];

  get ports() {
    const { clock, timers, random, logger, metrics } = this;
    return {
      ...{ clock, timers, random, logger, metrics },
      onBug: (error: unknown) => void this.bugs.push(error),
      onFatal: (error: unknown) => void this.fatal.push(error),
    };
  }

  client(config: KubeConfig, manager = 'orbitmq-test', perSecond = 10_000): KubeClient {
    const transport = new KubeconfigTransport(config, this.clock, this.logger);
    this.#transports.push(transport);
    const rate = { perSecond, burst: perSecond };
    return new KubeClient({ ...this.ports, transport, rate }, manager);
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()));
  }
}
