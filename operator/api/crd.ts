/** CustomResourceDefinitions, as objects. The chart has them as files, and the operator compares what is installed with them. */
import { createHash } from 'node:crypto';
import { crdName, KINDS, type KindDefinition } from './kinds.ts';
import { API_GROUP, API_VERSION, type KubernetesObject } from './object-meta.ts';
import { openApiSchema, validations, type OpenApiSchema } from './openapi-schema.ts';

/** Of the schema of a CRD: differs exactly when the schema does. */
export const SCHEMA_HASH_ANNOTATION = 'orbitmq.io/schema-hash';
const HASH_CHARACTERS = 16;

/** Every resource of ours is in it: `kubectl get orbitmq`. */
const CATEGORY = 'orbitmq';

export interface CustomResourceDefinition extends KubernetesObject {
  readonly spec: {
    readonly group: string;
    readonly scope: 'Namespaced';
    readonly names: Readonly<Record<string, string | readonly string[]>>;
    readonly versions: readonly CrdVersion[];
  };
}

interface CrdVersion {
  readonly name: string;
  readonly schema: { readonly openAPIV3Schema: OpenApiSchema };
  readonly [key: string]: unknown;
}

/** All of them, in the order of KINDS. */
export function crdSchemas(): readonly CustomResourceDefinition[] {
  return KINDS.map(customResourceDefinition);
}

function customResourceDefinition(definition: KindDefinition): CustomResourceDefinition {
  const { kind, plural, singular, shortNames } = definition;
  const version = crdVersion(definition);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: crdName(definition),
      annotations: { [SCHEMA_HASH_ANNOTATION]: hashOf(version) },
    },
    spec: {
      group: API_GROUP,
      scope: 'Namespaced',
      names: {
        ...{ kind, listKind: `${kind}List`, plural, singular, shortNames },
        categories: [CATEGORY],
      },
      versions: [version],
    },
  };
}

function crdVersion({ columns, scale, ...definition }: KindDefinition): CrdVersion {
  return {
    name: API_VERSION,
    served: true,
    storage: true,
    additionalPrinterColumns: columns,
    subresources: { status: {}, ...(scale === undefined ? {} : { scale }) },
    schema: { openAPIV3Schema: rootSchema(definition) },
  };
}

function rootSchema({
  description,
  spec,
  status,
  rules,
}: Pick<KindDefinition, 'description' | 'spec' | 'status' | 'rules'>): OpenApiSchema {
  return {
    description,
    type: 'object',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: openApiSchema(spec),
      status: openApiSchema(status),
    },
    ...(spec.presence === 'required' ? { required: ['spec'] } : {}),
    ...validations(rules),
  };
}

function hashOf(version: CrdVersion): string {
  return createHash('sha256')
    .update(JSON.stringify(version))
    .digest('hex')
    .slice(0, HASH_CHARACTERS);
}
