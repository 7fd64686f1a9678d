/** Fields that several kinds have. */
import {
  list,
  map,
  object,
  oneOf,
  integer,
  text,
  type CelRule,
  type Field,
  type PresenceOf,
} from './schema.ts';

/** What both the API server's `duration()` and our own options read: no days, and always a unit. */
const DURATION_PATTERN = '^([0-9]+(ms|s|m|h))+$';
const DURATION_CHARACTERS_MAX = 24;

/** Labels and names of Kubernetes objects. */
const DNS_LABEL_PATTERN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
const DNS_LABEL_CHARACTERS_MAX = 63;

/** What gateway/validation takes for names of topics and groups, less what only namespaces and brokers put into them. */
export const RESOURCE_NAME_PATTERN = '^[a-zA-Z0-9_-]+$';

/** An annotation or label value is at most this long when it is ours to judge. */
const TEXT_CHARACTERS_MAX = 1024;
const CONDITIONS_MAX = 16;

export function durationText<const O extends { default?: string; optional?: true }>(
  description: string,
  options: O,
): Field<string, PresenceOf<O>> {
  const bounds = { pattern: DURATION_PATTERN, max: DURATION_CHARACTERS_MAX };
  return text<O>(description, { ...bounds, ...options });
}

export function stringMap(
  description: string,
  options: { readonly max: number },
): Field<Readonly<Record<string, string>>, 'defaulted'> {
  const value = text('', { max: TEXT_CHARACTERS_MAX });
  return map(description, value, { default: {}, max: options.max });
}

export const conditionsField = list(
  'What is the case now; see the table of conditions.',
  object(
    'One condition.',
    {
      type: text('Which condition.', { min: 1, max: 64 }),
      status: oneOf('Whether it holds.', ['True', 'False', 'Unknown'], {}),
      reason: text('Why, as one word for programs.', { max: 128 }),
      message: text('Why, and what to do about it, for people.', { max: 4096 }),
      lastTransitionTime: text('When the status last changed.', { format: 'date-time' }),
      observedGeneration: integer('Generation of the spec that it speaks of.', {
        optional: true,
        min: 0,
      }),
    },
    {},
  ),
  { optional: true, max: CONDITIONS_MAX, keys: ['type'] },
);

export const observedGenerationField = integer(
  'Generation of the spec that this status speaks of; while it is smaller than metadata.generation, the change was not seen.',
  { optional: true, min: 0 },
);

/** Of a BrokerCluster, and of each of them. */
export const GROUPS_MAX = 64;
export const MEMBERS_MAX = 9;

/** In the status of what exists at the brokers. */
export const groupsField = list('Broker groups that have it as the spec says.', text('', {}), {
  optional: true,
  max: GROUPS_MAX,
});

/** For the spec of what has a name for clients; `because`: what would be left behind. */
export function nameIsFixed(because: string): CelRule {
  return {
    rule: 'has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)',
    message: `spec.name cannot be changed: ${because}; make a new resource`,
    fieldPath: '.name',
  };
}

const CLUSTER_IS_FIXED = {
  rule: 'self.name == oldSelf.name',
  message:
    'spec.clusterRef.name cannot be changed: what exists in the old cluster would be left behind; make a new resource',
};

export const clusterRefField = object(
  'The BrokerCluster that it belongs to, in the same namespace; it cannot be changed.',
  {
    name: text('Name of the BrokerCluster.', {
      min: 1,
      max: DNS_LABEL_CHARACTERS_MAX,
      pattern: DNS_LABEL_PATTERN,
    }),
  },
  { rules: [CLUSTER_IS_FIXED] },
);
