import { MqError } from '../errors/mq-error.ts';
import { assert } from '../assert.ts';
import { NODE_OPTIONS, type NodeOptions } from './node-options.ts';
import type { OptionDefinition, OptionTable, Role } from './option-definition.ts';
import { ENV_PREFIX, namesOfTable, type OptionNames } from './option-names.ts';
import { OPTION_RELATIONS } from './option-relations.ts';
import { formatAddress, formatNumber, parseValue, type Parsed } from './parse-value.ts';
import { suggest } from './suggest.ts';
import { readYaml, type YamlSource } from './yaml-source.ts';

const TABLE: OptionTable = NODE_OPTIONS;
export const NODE_OPTION_NAMES = namesOfTable(TABLE);

/** Where values may come from; earlier ones win: flag, environment, file, default. */
export interface OptionSources {
  readonly role: Role;
  /** By option key, as the user wrote them. */
  readonly flags?: ReadonlyMap<string, string>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly file?: { readonly path: string; readonly content: string };
}

export interface ResolvedOptions {
  readonly options: NodeOptions;
  /** Things that are probably mistakes but may be somebody else's, such as an unknown ORBITMQ_ variable. */
  readonly warnings: readonly string[];
}

/** Variables with our prefix that are not options of a node. */
const OTHER_ENV: ReadonlySet<string> = new Set(['ORBITMQ_CONFIG', 'ORBITMQ_ENDPOINT']);

/** Parses all sources into one frozen object, or throws one error that lists everything that is wrong. */
export function resolveOptions(sources: OptionSources): ResolvedOptions {
  const yaml: YamlSource = sources.file
    ? readYaml(sources.file.path, sources.file.content, NODE_OPTION_NAMES)
    : { values: new Map(), problems: [] };
  const problems = [...yaml.problems];
  const values: Record<string, unknown> = {};
  const origins = new Map<string, string>();
  for (const [key, definition] of Object.entries(TABLE)) {
    const given = find(key, sources, yaml);
    if (given !== undefined) origins.set(key, given.origin);
    const resolved = resolveOne(definition, given, sources.role);
    if (resolved.ok) values[key] = resolved.value;
    else problems.push(resolved.reason);
  }
  if (problems.length === 0) {
    problems.push(...brokenRelations(values as unknown as NodeOptions, origins));
  }
  throwProblems(problems);
  return {
    options: Object.freeze(values) as unknown as NodeOptions,
    warnings: unknownVariables(sources.env ?? {}),
  };
}

function resolveOne(definition: OptionDefinition, given: Given | undefined, role: Role): Parsed {
  if (given !== undefined && !definition.roles.includes(role)) {
    return { ok: false, reason: `${given.origin}: is not an option of ${role}` };
  }
  const text = given?.text ?? definition.defaultFor?.[role] ?? definition.default;
  if (text === undefined) return { ok: true, value: undefined };
  const parsed = parseValue(definition, text);
  return parsed.ok
    ? parsed
    : { ok: false, reason: `${given?.origin ?? 'default'}: ${parsed.reason}` };
}

/** Defaults of a role with some values set: for tests and for embedding. Relations are checked. */
export function optionsWith(role: Role, overrides: Partial<NodeOptions> = {}): NodeOptions {
  const options = Object.freeze({ ...resolveOptions({ role }).options, ...overrides });
  throwProblems(brokenRelations(options, new Map()));
  return options;
}

interface Given {
  readonly text: string;
  /** `--flush`, `ORBITMQ_FLUSH`, `orbitmq.yaml:12`. */
  readonly origin: string;
}

function find(
  key: string,
  { role, flags, env, file }: OptionSources,
  yaml: YamlSource,
): Given | undefined {
  const names = namesOf(key);
  const flag = flags?.get(key);
  if (flag !== undefined) return { text: flag, origin: names.flag };
  // Variables are often set for several roles at once, by an image for instance; those of other roles are not for us.
  const variable = TABLE[key]?.roles.includes(role) === true ? env?.[names.env] : undefined;
  if (variable !== undefined) return { text: variable, origin: names.env };
  const value = yaml.values.get(key);
  if (value === undefined) return undefined;
  return { text: value.text, origin: `${file?.path ?? ''}:${value.line}: ${names.yaml}` };
}

function namesOf(key: string): OptionNames {
  const names = NODE_OPTION_NAMES.get(key);
  assert(names !== undefined, `option ${key} has names`);
  return names;
}

function brokenRelations(options: NodeOptions, origins: ReadonlyMap<string, string>): string[] {
  return OPTION_RELATIONS.filter(({ holds }) => !holds(options)).map(({ keys, rule }) => {
    const values = keys.map((key) => {
      const { flag } = namesOf(key);
      return `${origins.get(key) ?? `${flag} (default)`} = ${show(TABLE[key], options[key])}`;
    });
    return `${values.join(', ')}: ${rule}`;
  });
}

/** The value as a user would write it. */
function show(
  definition: OptionDefinition | undefined,
  value: NodeOptions[keyof NodeOptions],
): string {
  if (value === undefined) return 'not set';
  if (typeof value === 'number') return formatNumber(definition?.type ?? 'integer', value);
  if (typeof value !== 'object') return String(value);
  return 'host' in value ? formatAddress(value) : value.map(formatAddress).join(',');
}

/**
 * An unknown variable is no error: Kubernetes makes ORBITMQ_PORT and the like for a Service of that name. One that looks
 * like an option is worth a warning.
 */
function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set([...NODE_OPTION_NAMES.values()].map((names) => names.env));
  return Object.keys(env)
    .filter((name) => name.startsWith(ENV_PREFIX) && !known.has(name) && !OTHER_ENV.has(name))
    .flatMap((name) => {
      const near = suggest(name.slice(ENV_PREFIX.length), [...known].map(withoutPrefix));
      return near === undefined
        ? []
        : [`${name} is not an option; did you mean ${ENV_PREFIX}${near}?`];
    });
}

function withoutPrefix(name: string): string {
  return name.slice(ENV_PREFIX.length);
}

function throwProblems(problems: readonly string[]): void {
  const [only] = problems;
  if (only === undefined) return;
  if (problems.length === 1) throw new MqError('option-invalid', { problem: only });
  throw new MqError('options-invalid', {
    count: problems.length,
    problems: problems.map((problem) => `  - ${problem}`).join('\n'),
  });
}
