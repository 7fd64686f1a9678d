/** Whether the definitions that are installed are those that this operator was built with. */
import { SCHEMA_HASH_ANNOTATION, type CustomResourceDefinition } from './crd.ts';
import { API_VERSION } from './object-meta.ts';

/**
 * `outdated`: what a user sets in the fields that are missing is dropped without a word. `newer`: made for a later operator.
 * `different`: the same fields with other bounds or rules.
 */
export type CrdState = 'current' | 'missing' | 'outdated' | 'newer' | 'different';

export interface CrdComparison {
  readonly name: string;
  readonly state: CrdState;
  /** Paths as `spec.heartbeat.writeLease`; at most FIELDS_SHOWN_MAX of them. */
  readonly missingFields: readonly string[];
}

const FIELDS_SHOWN_MAX = 10;

/** `installed`: as the API server has it; undefined when it has none of this name. */
export function compareCrd(
  expected: CustomResourceDefinition,
  installed: CustomResourceDefinition | undefined,
): CrdComparison {
  const { name } = expected.metadata;
  if (installed === undefined) return { name, state: 'missing', missingFields: [] };
  const annotation = (crd: CustomResourceDefinition): string | undefined =>
    crd.metadata.annotations?.[SCHEMA_HASH_ANNOTATION];
  if (annotation(expected) === annotation(installed)) {
    return { name, state: 'current', missingFields: [] };
  }
  const ours = new Set(fieldPaths(schemaOf(expected), ''));
  const theirs = new Set(fieldPaths(schemaOf(installed), ''));
  const missing = [...ours].filter((path) => !theirs.has(path));
  const hasMore = [...theirs].some((path) => !ours.has(path));
  const otherwise = hasMore ? 'newer' : 'different';
  return {
    name,
    state: missing.length > 0 ? 'outdated' : otherwise,
    missingFields: missing.slice(0, FIELDS_SHOWN_MAX),
  };
}

function schemaOf({ spec }: CustomResourceDefinition): unknown {
  return spec.versions.find(({ name }) => name === API_VERSION)?.schema.openAPIV3Schema;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly items?: unknown;
  readonly additionalProperties?: unknown;
}

function fieldPaths(schema: unknown, path: string): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {}, items, additionalProperties } = schema as SchemaNode;
  const below = Object.entries(properties).flatMap(([name, child]) => {
    const own = path === '' ? name : `${path}.${name}`;
    return [own, ...fieldPaths(child, own)];
  });
  return [...below, ...fieldPaths(items, path), ...fieldPaths(additionalProperties, path)];
}
