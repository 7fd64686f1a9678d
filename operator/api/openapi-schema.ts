/** A field as the structural OpenAPI schema that the API server takes. */
import { assertNever } from '../../common/assert.ts';
import { withDefaults } from './defaults.ts';
import type { CelRule, Field, Fields, JsonValue, SchemaKind } from './schema.ts';

export type OpenApiSchema = Readonly<Record<string, unknown>>;

/** Sizes and amounts as Kubernetes writes them, none below zero. */
export const QUANTITY_PATTERN = '^[0-9]+(\\.[0-9]+)?([KMGTPE]i|[mkMGTPE])?$';

/** Defaults are written out to their last field: the API server judges them by the rules before it has completed them. */
export function openApiSchema(field: Field): OpenApiSchema {
  const { description, rules } = field;
  return {
    ...(description === '' ? {} : { description }),
    ...kindSchema(field.kind),
    ...(field.default === undefined ? {} : { default: withDefaults(field, field.default) }),
    ...validations(rules),
  };
}

export function validations(rules: readonly CelRule[]): OpenApiSchema {
  return rules.length === 0 ? {} : { 'x-kubernetes-validations': rules };
}

function kindSchema(kind: SchemaKind): OpenApiSchema {
  switch (kind.type) {
    case 'object':
      return { type: 'object', ...propertiesSchema(kind.fields) };
    case 'handed-on':
      return {
        type: 'object',
        ...propertiesSchema(kind.fields),
        'x-kubernetes-preserve-unknown-fields': true,
      };
    case 'map':
      return {
        type: 'object',
        additionalProperties: openApiSchema(kind.of),
        maxProperties: kind.max,
      };
    case 'array':
      return arraySchema(kind);
    case 'string':
      return stringSchema(kind);
    case 'integer':
    case 'number':
      return {
        type: kind.type,
        ...(kind.type === 'integer' ? { format: 'int64' } : {}),
        ...present({ minimum: kind.min, maximum: kind.max }),
      };
    case 'boolean':
      return { type: 'boolean' };
    case 'quantity':
      return {
        anyOf: [{ type: 'integer' }, { type: 'string' }],
        pattern: QUANTITY_PATTERN,
        'x-kubernetes-int-or-string': true,
      };
    default:
      return assertNever(kind);
  }
}

function propertiesSchema(fields: Fields): OpenApiSchema {
  const entries = Object.entries(fields);
  const required = entries.filter(([, { presence }]) => presence === 'required');
  const properties = entries.map(([name, field]) => [name, openApiSchema(field)] as const);
  return {
    ...(entries.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
    ...(required.length === 0 ? {} : { required: required.map(([name]) => name) }),
  };
}

function arraySchema(kind: Extract<SchemaKind, { type: 'array' }>): OpenApiSchema {
  const { of, min, max, keys } = kind;
  return {
    type: 'array',
    items: openApiSchema(of),
    ...present({ minItems: min, maxItems: max }),
    ...(keys === undefined
      ? { 'x-kubernetes-list-type': 'atomic' }
      : { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys }),
  };
}

function stringSchema(kind: Extract<SchemaKind, { type: 'string' }>): OpenApiSchema {
  const { choices, pattern, min, max, format } = kind;
  return {
    type: 'string',
    ...present({ enum: choices, pattern, minLength: min, maxLength: max, format }),
  };
}

function present(
  values: Readonly<Record<string, JsonValue | undefined>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
