import type { KubernetesObject } from '../api/object-meta.ts';
import type { ClusterContext } from './cluster-context.ts';
import { labelsOf, ownedMetadata, type Component } from './metadata.ts';
import { brokerConfigName, nameServerConfigName } from './names.ts';
import { CONFIG_FILE, nodeConfig } from './node-config.ts';

/** Configuration of all brokers; what differs between them stands in their pods. */
export function brokerConfigMap(context: ClusterContext): KubernetesObject {
  return configMap(context, brokerConfigName(context), 'broker');
}

export function nameServerConfigMap(context: ClusterContext): KubernetesObject {
  return configMap(context, nameServerConfigName(context), 'namesrv');
}

function configMap(context: ClusterContext, name: string, component: Component): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: ownedMetadata(context, name, labelsOf(context, component)),
    data: { [CONFIG_FILE]: nodeConfig(context, component) },
  } as KubernetesObject;
}
