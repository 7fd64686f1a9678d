import type { ObjectMeta } from '../api/object-meta.ts';
import type { ClusterContext } from './cluster-context.ts';
import { brokerName, LABELS } from './names.ts';

export type Component = 'broker' | 'namesrv';
type Labels = Readonly<Record<string, string>>;

/** What a pod of this kind is found by; with an index, of one broker group only. Selectors cannot be changed: nor may these. */
export function selectorLabels(
  { name }: Pick<ClusterContext, 'name'>,
  component: Component,
  index?: number,
): Labels {
  return {
    [LABELS.component]: component,
    [LABELS.cluster]: name,
    ...(index === undefined ? {} : { [LABELS.group]: brokerName(index) }),
  };
}

/** As `status.selector` has it, for the scale sub-resource. */
export function selectorText(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

export function labelsOf(
  context: Pick<ClusterContext, 'name'>,
  component?: Component,
  index?: number,
): Labels {
  return {
    'app.kubernetes.io/name': 'orbitmq',
    'app.kubernetes.io/instance': context.name,
    'app.kubernetes.io/managed-by': 'orbitmq-operator',
    ...(component === undefined
      ? { [LABELS.cluster]: context.name }
      : selectorLabels(context, component, index)),
  };
}

/** What goes with its BrokerCluster. */
export function ownedMetadata(
  context: ClusterContext,
  name: string,
  labels: Labels,
  annotations: Labels = {},
): ObjectMeta {
  return {
    name,
    namespace: context.namespace,
    labels,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ownerReferences: [context.owner],
  };
}
