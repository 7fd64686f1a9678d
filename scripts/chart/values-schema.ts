import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BROKER_CLUSTER_SPEC } from '../../operator/api/broker-cluster-schema.ts';
import { openApiSchema } from '../../operator/api/openapi-schema.ts';
import { readChartValues, type ChartValue } from './chart-values.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

const VALUES = join(import.meta.dirname, '../../charts/orbitmq/values.yaml');

/** charts/orbitmq/values.schema.json: what Helm checks before it renders anything. Unknown names are refused. */
export function valuesSchema(): string {
  const values = readChartValues(readFileSync(VALUES, 'utf8'));
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart orbitmq',
    ...closedObject({ ...propertiesOf(values), global: GLOBAL }),
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** Helm gives it to charts that are part of another one. */
const GLOBAL = { type: 'object', description: 'Values of the chart around this one; not used.' };

const closedObject = (properties: Readonly<Record<string, unknown>>): JsonSchema => ({
  type: 'object',
  properties,
  additionalProperties: false,
});

const propertiesOf = (values: readonly ChartValue[]): Record<string, JsonSchema> =>
  Object.fromEntries(values.map((value) => [value.path.at(-1) ?? '', schemaOf(value)]));

function schemaOf(value: ChartValue): JsonSchema {
  const { description, fields } = value;
  const described = description === '' ? {} : { description };
  return {
    ...described,
    ...(fields === undefined ? leafSchema(value) : closedObject(propertiesOf(fields))),
  };
}

const listOf = (text: string): string[] => text.split(',').map((item) => item.trim());
const oneOrMore = (types: readonly string[]): unknown => (types.length === 1 ? types[0] : types);

function leafSchema({ path, hints, default: usual }: ChartValue): JsonSchema {
  const types = hints.get('type');
  const min = hints.get('min');
  const items = hints.get('items');
  const choices = hints.get('enum');
  if (hints.get('spec') === 'BrokerCluster')
    return strictSchema(openApiSchema(BROKER_CLUSTER_SPEC));
  return {
    type: types === undefined ? typeOf(path, usual) : oneOrMore(listOf(types)),
    ...(choices === undefined ? {} : { enum: listOf(choices) }),
    ...(min === undefined ? {} : { minimum: Number(min) }),
    ...(items === undefined ? {} : { items: { type: oneOrMore(listOf(items)) } }),
  };
}

function typeOf(path: readonly string[], usual: unknown): string {
  if (Array.isArray(usual)) return 'array';
  if (typeof usual === 'number') return 'integer';
  if (usual === null || typeof usual === 'undefined') {
    throw new Error(`values.yaml: ${path.join('.')} has no default to tell its type by`);
  }
  return typeof usual;
}

/** Filled in by the API server, and formats of numbers that JSON Schema does not know. */
const ONLY_KUBERNETES = new Set(['default', 'format']);

/** A schema of Kubernetes as plain JSON Schema, in which names that are not there are mistakes. */
export function strictSchema(schema: unknown): JsonSchema {
  const { 'x-kubernetes-preserve-unknown-fields': isOpen, ...rest } = schema as Record<
    string,
    unknown
  >;
  const { properties, items, additionalProperties } = rest;
  const entries = Object.entries(rest).filter(
    ([key]) => !key.startsWith('x-kubernetes-') && !ONLY_KUBERNETES.has(key),
  );
  const isClosed =
    rest['type'] === 'object' && isOpen !== true && additionalProperties === undefined;
  return {
    ...Object.fromEntries(entries),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties as object).map(([name, field]) => [
              name,
              strictSchema(field),
            ]),
          ),
        }),
    ...(items === undefined ? {} : { items: strictSchema(items) }),
    ...(additionalProperties === undefined
      ? {}
      : { additionalProperties: strictSchema(additionalProperties) }),
    ...(isClosed ? { additionalProperties: false } : {}),
  };
}
