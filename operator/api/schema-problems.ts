/**
 * Whether a value is what its schema says, but for its rules: the API server judges those. What is read from it was checked by
 * the schema that is installed, which may be an older one; so it is looked at again before it is used.
 */
import { assertNever } from '../../common/assert.ts';
import { QUANTITY_PATTERN } from './openapi-schema.ts';
import type { Field, Fields, SchemaKind } from './schema.ts';

/** Sentences that name the field, as `spec.groups must be at least 1, and is 0`. Unknown fields are none of our business. */
export function schemaProblems({ kind }: Field, value: unknown, path: string): readonly string[] {
  switch (kind.type) {
    case 'object':
    case 'handed-on':
      return isObject(value)
        ? fieldProblems(kind.fields, value, path)
        : [`${path} must be an object`];
    case 'map':
      return isObject(value)
        ? Object.entries(value).flatMap(([key, item]) =>
            schemaProblems(kind.of, item, `${path}.${key}`),
          )
        : [`${path} must be an object`];
    case 'array':
      return arrayProblems(kind, value, path);
    default:
      return scalarProblems(kind, value, path);
  }
}

type ScalarKind = Exclude<SchemaKind, { readonly type: 'object' | 'handed-on' | 'map' | 'array' }>;

function scalarProblems(kind: ScalarKind, value: unknown, path: string): readonly string[] {
  switch (kind.type) {
    case 'string':
      return stringProblems(kind, value, path);
    case 'integer':
    case 'number':
      return numberProblems(kind, value, path);
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${path} must be true or false`];
    case 'quantity':
      return new RegExp(QUANTITY_PATTERN).test(String(value))
        ? []
        : [`${path} must be a quantity as 10Gi, and is ${shown(value)}`];
    default:
      return assertNever(kind);
  }
}

function fieldProblems(
  fields: Fields,
  value: Readonly<Record<string, unknown>>,
  path: string,
): readonly string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const own = `${path}.${name}`;
    const given = value[name];
    if (given !== undefined && given !== null) return schemaProblems(field, given, own);
    return field.presence === 'optional' ? [] : [`${own} is missing`];
  });
}

function arrayProblems(
  { of, min = 0, max }: Extract<SchemaKind, { type: 'array' }>,
  value: unknown,
  path: string,
): readonly string[] {
  if (!Array.isArray(value)) return [`${path} must be a list`];
  if (value.length < min || value.length > max) {
    return [`${path} must have ${min} to ${max} entries, and has ${value.length}`];
  }
  return value.flatMap((item, index) => schemaProblems(of, item, `${path}[${index}]`));
}

function stringProblems(
  { choices, pattern, min = 0, max = Infinity }: Extract<SchemaKind, { type: 'string' }>,
  value: unknown,
  path: string,
): readonly string[] {
  if (typeof value !== 'string') return [`${path} must be a text, and is ${shown(value)}`];
  if (choices !== undefined && !choices.includes(value)) {
    return [`${path} must be one of ${choices.join(', ')}, and is ${shown(value)}`];
  }
  if (value.length < min || value.length > max) {
    return [`${path} must have ${min} to ${max} characters, and has ${value.length}`];
  }
  return pattern === undefined || new RegExp(pattern).test(value)
    ? []
    : [`${path} must match ${pattern}, and is ${shown(value)}`];
}

function numberProblems(
  { type, min = -Infinity, max = Infinity }: Extract<SchemaKind, { type: 'integer' | 'number' }>,
  value: unknown,
  path: string,
): readonly string[] {
  if (typeof value !== 'number' || (type === 'integer' && !Number.isSafeInteger(value))) {
    return [
      `${path} must be a${type === 'integer' ? ' whole' : ''} number, and is ${shown(value)}`,
    ];
  }
  if (value < min) return [`${path} must be at least ${min}, and is ${value}`];
  return value > max ? [`${path} must be at most ${max}, and is ${value}`] : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const SHOWN_CHARACTERS = 64;

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}
