/** Parts of a pod that a user may add to. What Kubernetes defines is handed on and judged by Kubernetes. */
import { handedOn, list, map, object, quantity, text, type Field } from './schema.ts';
import { stringMap } from './recurring-fields.ts';

const ENTRIES_MAX = 32;
const RESOURCES_MAX = 8;
const GRACE_SECONDS_MAX = 3600;

const amounts = (description: string) =>
  map(description, quantity('', {}), { optional: true, max: RESOURCES_MAX });

type Amounts = Readonly<Record<string, string | number>>;

export interface Resources {
  readonly requests?: Amounts;
  readonly limits?: Amounts;
}

/** `memory` of limits also bounds the heap of the process. */
export function resourcesField(
  requests: Readonly<Record<'cpu' | 'memory', string>>,
  memoryLimit: string,
): Field<Resources, 'defaulted'> {
  return object(
    'CPU and memory of the container. The heap of the process is bounded by the memory limit.',
    { requests: amounts('What it is sure to get.'), limits: amounts('What it may use at most.') },
    {
      default: { requests, limits: { memory: memoryLimit } },
      rules: [
        {
          rule: "!has(self.limits) || !('memory' in self.limits) || quantity(string(self.limits['memory'])).compareTo(quantity('256Mi')) >= 0",
          message:
            'resources.limits.memory must be at least 256Mi: with less the process cannot start',
          fieldPath: '.limits',
        },
      ],
    },
  );
}

const envField = list(
  'Further environment variables of the container. Options are set by spec.options, not here.',
  handedOn(
    'A variable, as in a container.',
    { name: text('Name of the variable.', { min: 1, max: 128 }) },
    {
      rules: [
        {
          rule: "!self.name.startsWith('ORBITMQ_')",
          message:
            'template.env must not have a name that begins with ORBITMQ_: set the option in spec.options instead',
          fieldPath: '.name',
        },
      ],
    },
  ),
  { default: [], max: ENTRIES_MAX },
);

const handedList = (description: string) =>
  list(description, handedOn('', {}, {}), { default: [], max: ENTRIES_MAX });

const OWN_LABELS = {
  rule: "self.all(key, !key.startsWith('orbitmq.io/') && !key.startsWith('app.kubernetes.io/'))",
  message:
    'template.labels must not begin with orbitmq.io/ or app.kubernetes.io/: the operator finds its pods by them',
};

export const templateField = object(
  'What is added to the pods.',
  {
    labels: map('Further labels.', text('', { max: 63 }), {
      default: {},
      max: ENTRIES_MAX,
      rules: [OWN_LABELS],
    }),
    annotations: stringMap('Further annotations.', { max: ENTRIES_MAX }),
    nodeSelector: stringMap('Labels that a node must have.', { max: ENTRIES_MAX }),
    tolerations: handedList('Taints of nodes that are put up with, as in a pod.'),
    affinity: handedOn(
      'Affinity as in a pod; with it, spread sets none of its own between hosts.',
      {},
      { optional: true },
    ),
    topologySpreadConstraints: handedList(
      'As in a pod; with any, spread sets none of its own between zones.',
    ),
    priorityClassName: text('PriorityClass of the pods.', { optional: true, min: 1, max: 253 }),
    env: envField,
  },
  { default: {} },
);

export const GRACE_BOUNDS = { min: 15, max: GRACE_SECONDS_MAX };
