/** The clusters of the golden tests, from a bare one to one with everything. */
import { brokerClusterDefaults } from '../../../../operator/api/defaults.ts';
import type { WrittenBrokerClusterSpec } from '../../../../operator/api/broker-cluster-schema.ts';
import {
  clusterContext,
  type ClusterContext,
} from '../../../../operator/resource/cluster-context.ts';

export function contextOf(spec: WrittenBrokerClusterSpec, name = 'demo'): ClusterContext {
  const metadata = { name, namespace: 'mq', uid: 'uid-of-the-cluster' };
  const resource = {
    apiVersion: 'orbitmq.io/v1alpha1',
    kind: 'BrokerCluster',
    metadata,
    spec: brokerClusterDefaults(spec),
  };
  return clusterContext(resource, { image: 'orbitmq:1.0.0', operatorNamespace: 'orbitmq-system' });
}

export const CLUSTERS: Readonly<Record<string, WrittenBrokerClusterSpec>> = {
  minimal: { namesrv: { replicas: 1 }, replicasPerGroup: 1 },
  production: {
    image: 'registry.example.com/orbitmq:1.2.3',
    imagePullSecrets: ['registry'],
    namesrv: { replicas: 3 },
    groups: 2,
    replicasPerGroup: 3,
    minInSyncReplicas: 2,
    storage: {
      size: '500Gi',
      storageClassName: 'fast',
    },
    heartbeat: { interval: '500ms', expiry: '3s', writeLease: '2s' },
    retention: { maxAge: '168h', maxBytes: '400Gi' },
    options: {
      'store.cacheBytes': '1GiB',
      'topics.autoCreateTopics': 'false',
      'limits.maxBatchMessages': '64',
    },
    resources: { requests: { cpu: '4', memory: '8Gi' }, limits: { memory: '8Gi' } },
    template: {
      labels: { team: 'payments' },
      annotations: { 'example.com/owner': 'payments' },
      nodeSelector: { disk: 'nvme' },
      tolerations: [{ key: 'dedicated', operator: 'Exists' }],
      priorityClassName: 'messaging',
      env: [{ name: 'TZ', value: 'Europe/Berlin' }],
    },
    spread: { zones: 'Required', hosts: 'Required' },
    networkPolicy: {
      clients: [{ namespaceSelector: { matchLabels: { 'orbitmq-client': 'yes' } } }],
      metrics: [
        { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } },
      ],
    },
    terminationGraceSeconds: 120,
  },
  'node-port': {
    groups: 2,
    listeners: {
      external: { type: 'NodePort', advertisedHost: 'mq.example.com', nodePortBase: 31_000 },
    },
  },
  'load-balancer': {
    listeners: {
      external: {
        type: 'LoadBalancer',
        advertisedHost: '{group}.{cluster}.example.com',
        annotations: { 'example.com/load-balancer': 'internal' },
        loadBalancerClass: 'example.com/nlb',
        sourceRanges: ['10.0.0.0/8'],
        trafficPolicy: 'Local',
      },
    },
  },
  tls: {
    tls: { secretName: 'demo-certificate', peers: true },
    podDisruptionBudget: { enabled: false },
  },
};
