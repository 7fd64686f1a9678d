/**
 * A field of a custom resource, said once: its type for the compiler, its schema for the API server, its default, and what it
 * means for people. CRDs (crd.ts), defaults (defaults.ts), checks (schema-problems.ts) and the reference page follow from it.
 */

/** `required`: the user gives it. `defaulted`: always there, since the API server fills it in. `optional`: may be missing. */
export type Presence = 'required' | 'defaulted' | 'optional';

export type JsonValue =
  string | number | boolean | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A rule of the API server's expression language. The message names field and reason, and how to get on. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  /** An expression for a message that names the value, in place of `message`. */
  readonly messageExpression?: string;
  /** Path of the field below the one that has the rule, as `.size`: for the place that the refusal names. */
  readonly fieldPath?: string;
}

export type SchemaKind =
  | { readonly type: 'object'; readonly fields: Fields }
  | { readonly type: 'map'; readonly of: Field; readonly max: number }
  | {
      readonly type: 'array';
      readonly of: Field;
      readonly min?: number;
      readonly max: number;
      readonly keys?: readonly string[];
    }
  | {
      readonly type: 'string';
      readonly pattern?: string;
      readonly choices?: readonly string[];
      readonly min?: number;
      readonly max?: number;
      readonly format?: 'date-time';
    }
  | { readonly type: 'integer' | 'number'; readonly min?: number; readonly max?: number }
  | { readonly type: 'boolean' }
  /** A size or amount as Kubernetes writes it: `10Gi`, `500m`, or a bare number. */
  | { readonly type: 'quantity' }
  /** What Kubernetes itself defines and checks: it is handed on as it is. `fields` are those that rules look at. */
  | { readonly type: 'handed-on'; readonly fields: Fields };

/** `Value` and `Is` exist for the compiler. */
export interface Field<Value = unknown, Is extends Presence = Presence> {
  readonly kind: SchemaKind;
  /** One sentence: what it is, and when one would change it. */
  readonly description: string;
  readonly presence: Is;
  readonly default?: JsonValue;
  readonly rules: readonly CelRule[];
  readonly valueType?: Value;
}

export type Fields = Readonly<Record<string, Field>>;

export type ValueOf<F extends Field> = F extends Field<infer Value> ? Value : never;

type KeysThatAre<F extends Fields, Is extends Presence> = {
  [Key in keyof F]: F[Key]['presence'] extends Is ? Key : never;
}[keyof F];

/** As it is read from the API server: defaults are filled in. */
export type ObjectOf<F extends Fields> = {
  readonly [Key in KeysThatAre<F, 'required' | 'defaulted'>]: ValueOf<F[Key]>;
} & {
  readonly [Key in KeysThatAre<F, 'optional'>]?: ValueOf<F[Key]>;
};

/** As a person writes it: whatever has a default may be left out, at every depth. */
export type Written<Value> = Value extends readonly (infer Item)[]
  ? readonly Written<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]?: Written<Value[Key]> }
    : Value;

interface Common {
  readonly optional?: true;
  readonly rules?: readonly CelRule[];
}

export type PresenceOf<O> = O extends { default: unknown }
  ? 'defaulted'
  : O extends { optional: true }
    ? 'optional'
    : 'required';

function field<Value, O extends Common & { readonly default?: JsonValue }>(
  kind: SchemaKind,
  description: string,
  options: O,
): Field<Value, PresenceOf<O>> {
  const { default: usual, rules = [] } = options;
  const absent = options.optional === true ? 'optional' : 'required';
  const presence = usual === undefined ? absent : 'defaulted';
  return {
    ...{ kind, description, rules },
    presence: presence as PresenceOf<O>,
    ...(usual === undefined ? {} : { default: usual }),
  };
}

interface Text extends Common {
  readonly default?: string;
  readonly pattern?: string;
  readonly min?: number;
  readonly max?: number;
  readonly format?: 'date-time';
}

export function text<const O extends Text>(
  description: string,
  options: O,
): Field<string, PresenceOf<O>> {
  const { pattern, min, max, format } = options;
  const bounds = { pattern, min, max, format };
  return field({ type: 'string', ...withoutUndefined(bounds) }, description, options);
}

export function oneOf<const Choice extends string, const O extends Common & { default?: Choice }>(
  description: string,
  choices: readonly Choice[],
  options: O,
): Field<Choice, PresenceOf<O>> {
  return field({ type: 'string', choices }, description, options);
}

interface Numeric extends Common {
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

export function integer<const O extends Numeric>(
  description: string,
  options: O,
): Field<number, PresenceOf<O>> {
  const { min, max } = options;
  return field({ type: 'integer', ...withoutUndefined({ min, max }) }, description, options);
}

/** A number that may have a fraction. */
export function decimal<const O extends Numeric>(
  description: string,
  options: O,
): Field<number, PresenceOf<O>> {
  const { min, max } = options;
  return field({ type: 'number', ...withoutUndefined({ min, max }) }, description, options);
}

export function flag<const O extends Common & { default?: boolean }>(
  description: string,
  options: O,
): Field<boolean, PresenceOf<O>> {
  return field({ type: 'boolean' }, description, options);
}

export function quantity<const O extends Common & { default?: string }>(
  description: string,
  options: O,
): Field<string | number, PresenceOf<O>> {
  return field({ type: 'quantity' }, description, options);
}

/** An object that has a default when all of its fields can be left out, so that their defaults apply. */
export function object<const F extends Fields, const O extends Common & { default?: JsonValue }>(
  description: string,
  fields: F,
  options: O,
): Field<ObjectOf<F>, PresenceOf<O>> {
  return field({ type: 'object', fields }, description, options);
}

export function list<
  Item,
  const O extends Common & {
    readonly default?: readonly JsonValue[];
    readonly min?: number;
    readonly max: number;
    /** Fields of an item that make it the same item. */
    readonly keys?: readonly string[];
  },
>(description: string, of: Field<Item>, options: O): Field<readonly Item[], PresenceOf<O>> {
  const { min, max, keys } = options;
  const kind = { type: 'array' as const, of, max, ...withoutUndefined({ min, keys }) };
  return field(kind, description, options);
}

export function map<
  Item,
  const O extends Common & { readonly default?: JsonValue; readonly max: number },
>(
  description: string,
  of: Field<Item>,
  options: O,
): Field<Readonly<Record<string, Item>>, PresenceOf<O>> {
  return field({ type: 'map', of, max: options.max }, description, options);
}

/** A part of a pod or Service as Kubernetes defines it. `fields`: those that rules look at. */
export function handedOn<
  const F extends Fields,
  const O extends Common & { readonly default?: JsonValue },
>(
  description: string,
  fields: F,
  options: O,
): Field<Readonly<Record<string, unknown>> & ObjectOf<F>, PresenceOf<O>> {
  return field({ type: 'handed-on', fields }, description, options);
}

type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

function withoutUndefined<T extends object>(value: T): Defined<T> {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}
