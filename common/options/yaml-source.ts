import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Node,
  type Pair,
} from 'yaml';
import { MqError } from '../errors/mq-error.ts';
import { OPTION_SECTIONS } from './option-definition.ts';
import type { OptionNames } from './option-names.ts';
import { didYouMean } from './suggest.ts';

/** A value of the configuration file, still as text, with the line it stands in. */
export interface YamlValue {
  readonly text: string;
  readonly line: number;
}

export interface YamlSource {
  /** By option key. */
  readonly values: ReadonlyMap<string, YamlValue>;
  /** Whole sentences, each with file and line. */
  readonly problems: readonly string[];
}

/** Characters of a configuration file; more is a mistake, not a configuration. */
const FILE_CHARACTERS_MAX = 1 << 20;

/**
 * Reads `section: { option: value }`. Values are handed on as the text that stands in the file, so that one parser reads
 * flags, environment and file alike.
 */
export function readYaml(
  file: string,
  content: string,
  names: ReadonlyMap<string, OptionNames>,
): YamlSource {
  if (content.length > FILE_CHARACTERS_MAX) {
    throw new MqError('config-file-unusable', { file, reason: 'it is larger than 1 MiB' });
  }
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, uniqueKeys: true });
  const first = document.errors[0];
  if (first !== undefined) {
    const line = lines.linePos(first.pos[0]).line;
    const reason = `line ${line}: ${first.message.split('\n')[0]?.replace(/ at line .*$/, '') ?? ''}`;
    throw new MqError('config-file-unusable', { file, reason });
  }
  return new YamlReader(file, lines, names).read(document.contents);
}

class YamlReader {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #keys: ReadonlyMap<string, string>;
  readonly #values = new Map<string, YamlValue>();
  readonly #problems: string[] = [];

  constructor(file: string, lines: LineCounter, names: ReadonlyMap<string, OptionNames>) {
    this.#file = file;
    this.#lines = lines;
    this.#keys = new Map([...names].map(([key, { yaml }]) => [yaml, key]));
  }

  read(root: Node | null): YamlSource {
    if (root !== null && !isEmpty(root)) {
      if (isMap(root)) root.items.forEach((pair) => this.#readSection(pair));
      else this.#problem(root, 'is not a map of sections');
    }
    return { values: this.#values, problems: this.#problems };
  }

  #readSection({ key, value }: Pair): void {
    const section = scalarText(key) ?? '';
    if (!(section in OPTION_SECTIONS)) {
      const hint = this.#elsewhere(section) || didYouMean(section, Object.keys(OPTION_SECTIONS));
      this.#problem(key as Node, `unknown section "${section}"${hint}`);
    } else if (isMap(value)) {
      value.items.forEach((pair) => this.#readOption(section, pair));
    } else if (!isEmpty(value)) {
      this.#problem(key as Node, `section "${section}" must hold options, one to a line`);
    }
  }

  #readOption(section: string, { key, value }: Pair): void {
    const path = `${section}.${scalarText(key) ?? ''}`;
    const option = this.#keys.get(path);
    if (option === undefined) {
      const hint = this.#elsewhere(scalarText(key) ?? '') || didYouMean(path, this.#keys.keys());
      this.#problem(key as Node, `unknown option "${path}"${hint}`);
      return;
    }
    const text = valueText(value);
    if (text === undefined) this.#problem(key as Node, `"${path}" must be a single value`);
    else this.#values.set(option, { text, line: this.#lineOf(key as Node) });
  }

  /** An option of this very name in some section: it only stands in the wrong place. */
  #elsewhere(name: string): string {
    const path = [...this.#keys.keys()].find((known) => known.endsWith(`.${name}`));
    return path === undefined ? '' : `; it belongs to section "${path.split('.')[0] ?? ''}"`;
  }

  #problem(node: Node | null, text: string): void {
    this.#problems.push(`${this.#file}:${this.#lineOf(node)}: ${text}`);
  }

  #lineOf(node: Node | null): number {
    return this.#lines.linePos(node?.range?.[0] ?? 0).line;
  }
}

function isEmpty(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

/** As it stands in the file: `1_000`, `yes` and `0x10` are for the option's own parser to judge. */
function scalarText(node: unknown): string | undefined {
  return isScalar(node) && node.value !== null ? node.source : undefined;
}

/** Text of a scalar, or of a list of scalars joined by commas. */
function valueText(node: unknown): string | undefined {
  if (isAlias(node)) return undefined;
  if (!isSeq(node)) return scalarText(node);
  const parts = node.items.map(scalarText);
  return parts.includes(undefined) ? undefined : parts.join(',');
}
