import type { Timers } from '../environment/timers.ts';
import type { CounterCell, HistogramCell } from './metric-cell.ts';
import type { MetricDefinition, NodeLabels } from './metric-definition.ts';
import { MetricFamily, type Collector } from './metric-family.ts';
import { renderLabels } from './metric-labels.ts';
import { METRICS, type KeyOf, type LabelOf, type MetricKey } from './metric-table.ts';

/** Text of metrics that come from elsewhere, such as those of the process. */
export type MoreMetrics = () => Promise<string>;

/** Lines rendered before the event loop gets its turn: about half a millisecond. */
const LINES_PER_TURN = 1_000;

/** Every metric of a node. One object, handed to whoever counts something. */
export class Metrics {
  readonly #node: NodeLabels;
  readonly #seriesMax: number;
  readonly #families: ReadonlyMap<MetricKey, MetricFamily>;
  readonly #more: MoreMetrics[] = [];
  /** Ends what was collected through this object. */
  readonly #withdrawals: (() => void)[] = [];

  constructor(node: NodeLabels, seriesMax: number, families = newFamilies(node, seriesMax)) {
    this.#node = node;
    this.#seriesMax = seriesMax;
    this.#families = families;
  }

  /** The same metrics for a part that ends before the process does, so that `end` takes back what only that part knows. */
  scope(): Metrics {
    return new Metrics(this.#node, this.#seriesMax, this.#families);
  }

  /** What was collected through this object is asked for no more; what was counted stays. */
  end(): void {
    for (const withdraw of this.#withdrawals.splice(0)) withdraw();
  }

  counter<Key extends KeyOf<'counter'>>(key: Key): MetricFamily<LabelOf<Key>, CounterCell> {
    return this.#family(key);
  }

  histogram<Key extends KeyOf<'histogram'>>(key: Key): MetricFamily<LabelOf<Key>, HistogramCell> {
    return this.#family(key);
  }

  /** Gauges, and counters that are kept elsewhere: asked for when somebody scrapes. */
  collect<Key extends KeyOf<'counter'> | KeyOf<'gauge'>>(
    key: Key,
    collector: Collector<LabelOf<Key>>,
  ): void {
    this.#withdrawals.push(this.#family<Key>(key).collect(collector));
  }

  /** A gauge without labels. */
  collectValue(key: UnlabelledKey, value: () => number): void {
    this.#withdrawals.push(this.#family(key).collect(() => [[{}, value()]]));
  }

  addSource(more: MoreMetrics): void {
    this.#more.push(more);
  }

  /** The exposition text in parts; between parts other work gets its turn, however many series there are. */
  async *render(timers: Timers): AsyncGenerator<string> {
    let part: string[] = [];
    for (const family of this.#families.values()) {
      for (const line of family.lines()) {
        part.push(line);
        if (part.length < LINES_PER_TURN) continue;
        yield `${part.join('\n')}\n`;
        part = [];
        await new Promise<void>((resolve) => timers.soon(resolve));
      }
    }
    if (part.length > 0) yield `${part.join('\n')}\n`;
    for (const more of this.#more) yield await more();
  }

  /** The table gives each key its labels and type; the map cannot express that, hence the cast. */
  #family<Key extends MetricKey, C extends CounterCell | HistogramCell = CounterCell>(
    key: Key,
  ): MetricFamily<LabelOf<Key>, C> {
    return this.#families.get(key) as unknown as MetricFamily<LabelOf<Key>, C>;
  }
}

function newFamilies(node: NodeLabels, seriesMax: number): ReadonlyMap<MetricKey, MetricFamily> {
  const common = renderLabels(['cluster', 'node_type', 'node_id'], { ...node });
  return new Map(
    Object.entries<MetricDefinition>(METRICS).map(([key, definition]) => [
      key as MetricKey,
      new MetricFamily(definition, common, seriesMax),
    ]),
  );
}

type UnlabelledKey = {
  [Key in KeyOf<'gauge'> | KeyOf<'counter'>]: [LabelOf<Key>] extends [never] ? Key : never;
}[KeyOf<'gauge'> | KeyOf<'counter'>];
