import { Metrics } from '../../common/metrics/metrics.ts';
import { CollectingLogger } from './collecting-logger.ts';
import { ManualTime } from './manual-time.ts';

/** Lets everything run that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export function kubeMetrics(): Metrics {
  return new Metrics({ cluster: 'c', node_type: 'operator', node_id: 'o' }, 1_000);
}

/** Lines of the exposition that have `name` and all of `labels`. */
export async function metricValue(
  metrics: Metrics,
  name: string,
  ...labels: readonly string[]
): Promise<number> {
  let text = '';
  const timers = { after: () => ({ cancel: () => undefined }), soon: (task: () => void) => task() };
  for await (const part of metrics.render(timers)) text += part;
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** A world for parts of operator/kube: a clock by hand, and everything they say. */
export class KubePortsKit {
  readonly time = new ManualTime();
  readonly logger = new CollectingLogger();
  readonly metrics = kubeMetrics();
  readonly bugs: unknown[] = [];
  readonly fatal: unknown[] = [];
  /** Always the middle. */
  readonly random = { uint32: () => 2 ** 31, bytes: (length: number) => Buffer.alloc(length, 7) };

  get ports() {
    return {
      clock: this.time,
      timers: this.time,
      random: this.random,
      logger: this.logger,
      metrics: this.metrics,
      onBug: (error: unknown) => void this.bugs.push(error),
      onFatal: (error: unknown) => void this.fatal.push(error),
    };
  }

  /** Lets time pass in steps, with everything that follows from each. */
  async pass(ms: number, stepMs = Math.max(1, ms / 20)): Promise<void> {
    await settle();
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      this.time.advance(Math.min(stepMs, ms - passedMs));
      await settle();
    }
  }
}
