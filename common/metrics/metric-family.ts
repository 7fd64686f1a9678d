import { assert } from '../assert.ts';
import type { MetricDefinition } from './metric-definition.ts';
import { labelsOfOther, renderLabels, type Labels } from './metric-labels.ts';
import { CounterCell, HistogramCell, type Cell } from './metric-cell.ts';

/** Gives label sets and values when somebody asks for the metrics; lazily, so that the event loop can breathe in between. */
export type Collector<Label extends string> = () => Iterable<readonly [Labels<Label>, number]>;

/**
 * All series of one metric: cells that the code counts in, and collectors that are asked at scrape time. The number of
 * series is bounded; what exceeds it is put together in one series whose labels are `_other`.
 */
export class MetricFamily<Label extends string = string, C extends Cell = Cell> {
  readonly definition: MetricDefinition<Label>;
  readonly #commonLabels: string;
  readonly #seriesMax: number;
  readonly #cells = new Map<string, C>();
  readonly #collectors: Collector<Label>[] = [];

  constructor(definition: MetricDefinition<Label>, commonLabels: string, seriesMax: number) {
    this.definition = definition;
    this.#commonLabels = commonLabels;
    this.#seriesMax = seriesMax;
  }

  /** The cell of one label set. Callers keep it: looking it up costs a string, counting in it an addition. */
  cell(labels: Labels<Label>): C {
    const rendered = renderLabels(this.definition.labels, labels);
    const known = this.#cells.get(rendered);
    if (known !== undefined) return known;
    if (this.#cells.size < this.#seriesMax) return this.#addCell(rendered);
    const other = renderLabels(this.definition.labels, labelsOfOther(this.definition.labels));
    return this.#cells.get(other) ?? this.#addCell(other);
  }

  /** Forgets the series that have all of these label values: their topic or group is gone. */
  remove(labels: Partial<Labels<Label>>): void {
    const parts = Object.entries<string>(labels as Record<string, string>).map(([name, value]) =>
      renderLabels([name], { [name]: value }),
    );
    for (const rendered of this.#cells.keys()) {
      const own = `,${rendered},`;
      if (parts.every((part) => own.includes(`,${part},`))) this.#cells.delete(rendered);
    }
  }

  /** Returns what ends it. */
  collect(collector: Collector<Label>): () => void {
    assert(this.definition.type !== 'histogram', 'histograms are counted, not collected');
    this.#collectors.push(collector);
    return () => {
      const at = this.#collectors.indexOf(collector);
      if (at >= 0) this.#collectors.splice(at, 1);
    };
  }

  /** Lines of the exposition format, without line ends. */
  *lines(): Iterable<string> {
    const { name, help, type } = this.definition;
    if (this.#cells.size === 0 && this.#collectors.length === 0) return;
    yield `# HELP ${name} ${help}`;
    yield `# TYPE ${name} ${type}`;
    for (const [rendered, cell] of this.#cells) {
      yield* cell.lines(name, this.#joined(rendered));
    }
    yield* this.#collectedLines();
  }

  *#collectedLines(): Iterable<string> {
    const { name, labels: names, overflow } = this.definition;
    let series = 0;
    let other: number | undefined;
    for (const collector of this.#collectors) {
      for (const [labels, value] of collector()) {
        if (series++ < this.#seriesMax) {
          yield `${name}{${this.#joined(renderLabels(names, labels))}} ${value}`;
        } else if (other === undefined) {
          other = value;
        } else {
          other = overflow === 'max' ? Math.max(other, value) : other + value;
        }
      }
    }
    if (other !== undefined) {
      yield `${name}{${this.#joined(renderLabels(names, labelsOfOther(names)))}} ${other}`;
    }
  }

  #addCell(rendered: string): C {
    const { type, buckets = [] } = this.definition;
    const cell = type === 'histogram' ? new HistogramCell(buckets) : new CounterCell();
    this.#cells.set(rendered, cell as Cell as C);
    return cell as Cell as C;
  }

  #joined(rendered: string): string {
    return rendered === '' ? this.#commonLabels : `${this.#commonLabels},${rendered}`;
  }
}
