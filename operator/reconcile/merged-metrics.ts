import type { Timers } from '../../common/environment/timers.ts';
import type { NodeLabels } from '../../common/metrics/metric-definition.ts';
import { Metrics } from '../../common/metrics/metrics.ts';

/**
 * Figures of many clusters in one process: each has its own, which name it, and a scrape shows those of one name together, as
 * the format wants it. Bound: clusters that are looked after.
 */
export class MergedMetrics {
  readonly #timers: Timers;
  readonly #node: Omit<NodeLabels, 'cluster'>;
  readonly #seriesMax: number;
  readonly #byCluster = new Map<string, Metrics>();

  constructor(timers: Timers, node: Omit<NodeLabels, 'cluster'>, seriesMax: number) {
    this.#timers = timers;
    this.#node = node;
    this.#seriesMax = seriesMax;
  }

  /** What was counted of a cluster before is gone on with. */
  of(cluster: string): Metrics {
    const known = this.#byCluster.get(cluster);
    if (known !== undefined) return known;
    const metrics = new Metrics({ ...this.#node, cluster }, this.#seriesMax);
    this.#byCluster.set(cluster, metrics);
    return metrics;
  }

  forget(cluster: string): void {
    this.#byCluster.get(cluster)?.end();
    this.#byCluster.delete(cluster);
  }

  async render(): Promise<string> {
    const families = new Map<string, { readonly head: string[]; readonly lines: string[] }>();
    for (const metrics of this.#byCluster.values()) {
      let text = '';
      for await (const part of metrics.render(this.#timers)) text += part;
      collect(families, text.split('\n'));
    }
    return [...families.values()]
      .filter(({ lines }) => lines.length > 0)
      .flatMap(({ head, lines }) => [...head, ...lines])
      .map((line) => `${line}\n`)
      .join('');
  }
}

/** Lines of one family follow its HELP. */
function collect(
  families: Map<string, { readonly head: string[]; readonly lines: string[] }>,
  lines: readonly string[],
): void {
  let family = { head: [] as string[], lines: [] as string[] };
  for (const line of lines) {
    const name = /^# HELP (\S+)/.exec(line)?.[1];
    if (name !== undefined) {
      family = families.get(name) ?? { head: [], lines: [] };
      if (!families.has(name)) family.head.push(line);
      families.set(name, family);
    } else if (line.startsWith('# TYPE')) {
      if (family.head.length < 2) family.head.push(line);
    } else if (line !== '') family.lines.push(line);
  }
}
