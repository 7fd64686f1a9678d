import { parser } from '@prometheus-io/lezer-promql';

/** What a query asks for, read with the parser that Prometheus' own user interface has. */
export interface QueryReading {
  /** Pieces that are no PromQL. */
  readonly errors: readonly string[];
  readonly selectors: readonly SelectorReading[];
  /** Labels of `by`, `on`, `ignoring`, `without` and `group_left`. */
  readonly grouping: readonly string[];
}

export interface SelectorReading {
  readonly metric: string;
  readonly labels: readonly string[];
}

/** Grafana fills them in before Prometheus sees the query. */
export const withVariables = (query: string): string =>
  query.replaceAll('$__rate_interval', '1m').replaceAll(/\$\{?[a-z]+\}?/g, '.*');

export function readQuery(query: string): QueryReading {
  const errors: string[] = [];
  const selectors: { metric: string; labels: string[] }[] = [];
  const grouping: string[] = [];
  const path: string[] = [];
  parser.parse(query).iterate({
    enter({ type, from, to }) {
      const text = query.slice(from, to);
      if (type.isError) errors.push(query.slice(Math.max(0, from - 20), to + 20));
      if (type.name === 'VectorSelector') selectors.push({ metric: '', labels: [] });
      const selector = selectors.at(-1);
      if (type.name === 'Identifier' && selector !== undefined) selector.metric = text;
      if (type.name === 'LabelName') {
        if (path.includes('GroupingLabels')) grouping.push(text);
        else selector?.labels.push(text);
      }
      path.push(type.name);
    },
    leave() {
      path.pop();
    },
  });
  return { errors, selectors, grouping };
}
