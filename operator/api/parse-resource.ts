/** What the API server answers, as one of our types. */
import { assert } from '../../common/assert.ts';
import type { BrokerCluster } from './broker-cluster-schema.ts';
import type { BrokerGroup } from './broker-group-schema.ts';
import type { OwnKind } from './conditions.ts';
import type { ConsumerGroup } from './consumer-group-schema.ts';
import { withDefaults } from './defaults.ts';
import { KINDS } from './kinds.ts';
import type { KubernetesObject } from './object-meta.ts';
import type { Topic } from './topic-schema.ts';
import { schemaProblems } from './schema-problems.ts';

interface OwnResources {
  readonly BrokerCluster: BrokerCluster;
  readonly BrokerGroup: BrokerGroup;
  readonly Topic: Topic;
  readonly ConsumerGroup: ConsumerGroup;
}

export type ParsedResource<Resource> =
  | { readonly ok: true; readonly resource: Resource }
  /** Sentences that name the field; the metadata can be relied on. */
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Fills in the defaults of this operator's schema and checks the spec. The status is taken as it is: it is our own word, and
 * whoever relies on a part of it reads that part with care.
 */
export function parseResource<Kind extends OwnKind>(
  kind: Kind,
  object: KubernetesObject,
): ParsedResource<OwnResources[Kind]> {
  const definition = KINDS.find((candidate) => candidate.kind === kind);
  assert(definition !== undefined, `kind ${kind} is in the table`);
  const { spec = {} } = object as { readonly spec?: unknown };
  const complete = withDefaults(definition.spec, spec);
  const problems = schemaProblems(definition.spec, complete, 'spec');
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, resource: { ...object, spec: complete } as unknown as OwnResources[Kind] };
}
