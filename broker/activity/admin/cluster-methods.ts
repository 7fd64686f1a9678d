import type { ServiceMethod } from '../../../common/rpc/service-table.ts';
import { AdminMethods, type IBrokerDescription } from '../../../proto/generated/orbitmq.ts';
import type { BrokerServices } from '../broker-services.ts';
import { adminMethod } from '../../../gateway/admin/admin-method.ts';
import { peekMessages } from './peek-messages.ts';

export function clusterMethods(
  services: BrokerServices,
  describeNode: () => IBrokerDescription,
): [string, ServiceMethod][] {
  return [
    adminMethod(services, AdminMethods.DescribeCluster, () => ({
      clusterName: services.options.clusterName,
      brokers: [describeBroker(services, describeNode())],
    })),
    adminMethod(services, AdminMethods.PeekMessages, (request) => peekMessages(services, request)),
  ];
}

function describeBroker(services: BrokerServices, node: IBrokerDescription): IBrokerDescription {
  const { state, health, clients, options } = services;
  const refusal = health.refusal();
  let queueCount = 0;
  for (const topic of state.topics.all()) queueCount += topic.queueNos.length;
  return {
    ...node,
    brokerName: options.brokerName,
    writable: refusal === undefined,
    notWritableReason: refusal?.message ?? '',
    confirmOffset: state.foldedOffset,
    topicCount: state.topics.count,
    groupCount: state.groups.count,
    queueCount,
    clientCount: [...clients.consumers()].length + [...clients.producers()].length,
  };
}
