/** How clients outside the cluster of Kubernetes reach the brokers. Inside, each group and the NameServers have a Service. */
import { integer, list, object, oneOf, text } from './schema.ts';
import { stringMap } from './recurring-fields.ts';

const PORT_MAX = 65_535;
const RANGES_MAX = 64;
const ENTRIES_MAX = 32;

/** `{group}` is `broker-0`…, `{index}` is `0`…, `{cluster}` and `{namespace}` are where the BrokerCluster stands. */
const HOST_TEMPLATE_PATTERN =
  '^([a-zA-Z0-9.-]|\\{group\\}|\\{index\\}|\\{cluster\\}|\\{namespace\\})+$';

export const listenersField = object(
  'How clients reach the cluster. Without external they do so only from inside Kubernetes.',
  {
    external: object(
      'A Service for each broker group and one for the NameServers, reached from outside. Routes then name these addresses to all clients, also to those inside.',
      {
        type: oneOf('Kind of the Services.', ['NodePort', 'LoadBalancer'], {}),
        advertisedHost: text(
          'Host that clients are told for a broker group, with {group}, {index}, {cluster} and {namespace} replaced. Without it: of a LoadBalancer what its status says, of a NodePort the address of a node.',
          { optional: true, min: 1, max: 253, pattern: HOST_TEMPLATE_PATTERN },
        ),
        advertisedPort: integer(
          'Port that clients are told for a broker group. Without it: of a LoadBalancer 8081, of a NodePort the port of the node.',
          { optional: true, min: 1, max: PORT_MAX },
        ),
        nodePortBase: integer(
          'First port on the nodes: that of the NameServers; broker group i has the one i + 1 further. Without it Kubernetes chooses.',
          { optional: true, min: 1024, max: PORT_MAX - 65 },
        ),
        annotations: stringMap('Annotations of the Services, for the cloud.', { max: ENTRIES_MAX }),
        loadBalancerClass: text('Class of the load balancers.', {
          optional: true,
          min: 1,
          max: 253,
        }),
        sourceRanges: list(
          'Networks that a LoadBalancer takes connections from; none: all.',
          text('', { min: 1, max: 64, pattern: '^[0-9a-fA-F.:]+/[0-9]+$' }),
          { default: [], max: RANGES_MAX },
        ),
        trafficPolicy: oneOf(
          'Cluster: every node passes on. Local: only the node of the master does, and sees the address of the client.',
          ['Cluster', 'Local'],
          { default: 'Cluster' },
        ),
      },
      {
        optional: true,
        rules: [
          {
            rule: "self.type == 'LoadBalancer' || (!has(self.loadBalancerClass) && size(self.sourceRanges) == 0)",
            message:
              'listeners.external.loadBalancerClass and sourceRanges are only for type LoadBalancer: a NodePort has neither',
            fieldPath: '.type',
          },
          {
            rule: "self.type == 'NodePort' || !has(self.nodePortBase)",
            message:
              'listeners.external.nodePortBase is only for type NodePort: clients of a LoadBalancer do not see ports of nodes',
            fieldPath: '.nodePortBase',
          },
        ],
      },
    ),
  },
  { default: {} },
);
