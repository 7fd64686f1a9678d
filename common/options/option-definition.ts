/**
 * How an option is declared. One row gives its type, default, range, flag, environment variable, YAML key and documentation;
 * nothing about an option is said anywhere else.
 */

/** Processes that take options from this table. */
export type Role = 'standalone' | 'broker' | 'namesrv' | 'controller' | 'operator';

/** `cluster`: must be equal on all nodes of a cluster. `process`: may differ from node to node. */
export type OptionScope = 'cluster' | 'process';

export type OptionType =
  | 'bytes'
  | 'duration'
  | 'integer'
  | 'percent'
  | 'boolean'
  | 'enum'
  | 'string'
  | 'path'
  | 'address'
  | 'addresses';

/** Sections of the YAML file and of `--help`, in the order in which they are shown. */
export const OPTION_SECTIONS = {
  server: 'Where the node listens and how clients reach it',
  cluster: 'What the node belongs to',
  replication: 'Members of a broker group and the stream between them',
  failover: 'What a failover controller looks after',
  operator: 'What an operator looks after in Kubernetes',
  peers: 'How the nodes of a cluster know each other',
  tls: 'Encryption of client connections',
  store: 'Data on disk and how durable it is',
  retention: 'How long messages are kept',
  topics: 'Topics and consumer groups',
  limits: 'What one message or request may be',
  receive: 'How messages are handed out',
  admission: 'How much work is taken on at once',
  observability: 'Logs and metrics',
  lifecycle: 'Start and stop',
} as const;

export type OptionSection = keyof typeof OPTION_SECTIONS;

/** A host and port; the port is 0 only where the system may choose one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `Value` is the type of the parsed option; it exists for the compiler only. */
export interface OptionDefinition<Value = unknown> {
  readonly type: OptionType;
  readonly section: OptionSection;
  /** One sentence: what it is. */
  readonly summary: string;
  /** One sentence: when one would change it. */
  readonly change: string;
  /** Written as a user would write it; undefined = not set. Parsed by the same code as user input. */
  readonly default: string | undefined;
  /** Defaults of single roles that differ from `default`. */
  readonly defaultFor?: Readonly<Partial<Record<Role, string>>>;
  readonly scope: OptionScope;
  readonly roles: readonly Role[];
  /** Whether a running process takes a new value without restart. */
  readonly reloadable: boolean;
  /** Smallest and largest value, in the unit of the type (bytes, milliseconds, count); for strings the length. */
  readonly min?: number;
  readonly max?: number;
  /** Values of an enum. */
  readonly choices?: readonly string[];
  /** What a string has to match, and how to say so to a person. */
  readonly pattern?: RegExp;
  readonly patternText?: string;
  /** What 0 means, where it is not simply a number: "no limit". */
  readonly zeroMeans?: string;
  readonly valueType?: Value;
}

export type OptionTable = Readonly<Record<string, OptionDefinition>>;

/** The frozen object that a table parses to. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key] extends OptionDefinition<infer Value> ? Value : never;
};

/** What every row says for itself; the rest has a usual value. */
interface Common {
  section: OptionSection;
  summary: string;
  change: string;
  scope?: OptionScope;
  roles?: readonly Role[];
  reloadable?: boolean;
}

const BROKER_ROLES: readonly Role[] = ['standalone', 'broker'];
/** Those that clients send messages to. */
export const MESSAGING_ROLES: readonly Role[] = ['standalone', 'broker', 'namesrv'];
/** Those that are nodes of one cluster. */
export const ALL_ROLES: readonly Role[] = [...MESSAGING_ROLES, 'controller'];
export const EVERY_PROCESS: readonly Role[] = [...ALL_ROLES, 'operator'];

function define<Value>(
  type: OptionType,
  row: Common & Partial<OptionDefinition>,
  extra: Partial<OptionDefinition> = {},
): OptionDefinition<Value> {
  const usual = { default: undefined, scope: 'process', roles: BROKER_ROLES, reloadable: false };
  return { ...usual, type, ...row, ...extra } as OptionDefinition<Value>;
}

interface Numeric extends Common {
  default: string;
  min: number;
  max: number;
  zeroMeans?: string;
}

export const bytes = (row: Numeric): OptionDefinition<number> => define('bytes', row);
export const duration = (row: Numeric): OptionDefinition<number> => define('duration', row);
export const integer = (row: Numeric): OptionDefinition<number> => define('integer', row);
export const percent = (row: Common & { default: string }): OptionDefinition<number> =>
  define('percent', row, { min: 1, max: 100 });

export const boolean = (
  row: Common & { default: string; defaultFor?: Partial<Record<Role, string>> },
): OptionDefinition<boolean> => define('boolean', row);

export const oneOf = <const Choice extends string>(
  row: Common & { default: Choice; choices: readonly Choice[] },
): OptionDefinition<Choice> => define('enum', row);

interface Text extends Common {
  default: string;
  max: number;
  pattern: RegExp;
  patternText: string;
}
export const text = (row: Text): OptionDefinition<string> => define('string', row, { min: 1 });

/** A text that may be left out. */
export const optionalText = (row: Omit<Text, 'default'>): OptionDefinition<string | undefined> =>
  define('string', row, { min: 1 });

export const path = (row: Common & { default: string }): OptionDefinition<string> =>
  define('path', row);
export const optionalPath = (row: Common): OptionDefinition<string | undefined> =>
  define('path', row);
export const address = (
  row: Common & { default: string; defaultFor?: Partial<Record<Role, string>> },
): OptionDefinition<Address> => define('address', row);
export const optionalAddress = (row: Common): OptionDefinition<Address | undefined> =>
  define('address', row);
export const addresses = (row: Common): OptionDefinition<readonly Address[]> =>
  define('addresses', row, { default: '' });
