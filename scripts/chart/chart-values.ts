/**
 * values.yaml of the chart, read with its comments: `# -- text` describes the value below it, and lines that begin with `# @` say
 * what its default cannot: `@enum a, b`, `@min n`, `@type integer, string`, `@items string`, `@open` (a map that may have
 * any keys), `@spec Kind` (the spec of one of our custom resources).
 */
import { isMap, isScalar, parseDocument, type Pair, type YAMLMap } from 'yaml';

export interface ChartValue {
  /** Keys from the root. */
  readonly path: readonly string[];
  readonly description: string;
  /** By name, with what stands behind it. */
  readonly hints: ReadonlyMap<string, string>;
  readonly default: unknown;
  /** Undefined for a value that is described as a whole. */
  readonly fields: readonly ChartValue[] | undefined;
}

export function readChartValues(text: string): readonly ChartValue[] {
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new Error('values.yaml is no map');
  return fieldsOf(contents, []);
}

function fieldsOf(map: YAMLMap, parents: readonly string[]): readonly ChartValue[] {
  return map.items.map((pair, index) => {
    // YAML gives the comment over the first key of a map to the map.
    const outer = index === 0 && parents.length > 0 ? map.commentBefore : undefined;
    return chartValue(pair, parents, outer ?? '');
  });
}

function chartValue(pair: Pair, parents: readonly string[], outer: string): ChartValue {
  if (!isScalar(pair.key)) throw new Error('a key of values.yaml is no text');
  const { value } = pair as { value: unknown };
  const path = [...parents, String(pair.key.value)];
  const comment = readComment(`${outer}\n${pair.key.commentBefore ?? ''}`);
  const isWhole = !isMap(value) || value.items.length === 0 || comment.hints.has('open');
  return {
    path,
    ...comment,
    default: isMap(value) ? (value.toJSON() as unknown) : plain(value),
    fields: isWhole ? undefined : fieldsOf(value, path),
  };
}

function plain(value: unknown): unknown {
  return (value as { toJSON?: () => unknown } | null)?.toJSON?.() ?? null;
}

/** What stands before `--`, such as the head of the file, describes nothing. */
function readComment(comment: string): Pick<ChartValue, 'description' | 'hints'> {
  const lines = comment.split('\n').map((line) => line.trim());
  const start = lines.findLastIndex((line) => line.startsWith('-- '));
  const own = start < 0 ? [] : lines.slice(start);
  const hints = own
    .filter((line) => line.startsWith('@'))
    .map((line): [string, string] => {
      const [name = '', ...rest] = line.slice(1).split(' ');
      return [name, rest.join(' ')];
    });
  const description = own
    .filter((line) => !line.startsWith('@'))
    .join(' ')
    .replace(/^-- /, '')
    .trim();
  return { description, hints: new Map(hints) };
}
