/** Routes as clients want them. Pure. */
import {
  acceptedMessageTypes,
  type MessageType as ModelType,
  type Permission as ModelPermission,
} from '../common/model/topic.ts';
import {
  AddressScheme,
  MessageType,
  Permission,
  type IEndpoints,
  type IMessageQueue,
  type IResource,
} from '../proto/generated/v2.ts';
import type { BrokerRoute } from './broker-access.ts';

const PERMISSIONS: Readonly<Record<ModelPermission, Permission>> = {
  NONE: Permission.NONE,
  READ: Permission.READ,
  WRITE: Permission.WRITE,
  READ_WRITE: Permission.READ_WRITE,
};

const MESSAGE_TYPES: Readonly<Record<ModelType, MessageType>> = {
  NORMAL: MessageType.NORMAL,
  FIFO: MessageType.FIFO,
  DELAY: MessageType.DELAY,
  TRANSACTION: MessageType.TRANSACTION,
  LITE: MessageType.LITE,
  PRIORITY: MessageType.PRIORITY,
};

/** Clients address a broker by this id; 0 is the master, and no other member of a group is ever in a route. */
const MASTER_ID = 0;

/**
 * All queues, broker by broker and from id 0: every broker has a queue 0 (Node uses no other), and the order does not change
 * while the topic does not (clients take a hash modulo the length as index). `topic` comes back as the client wrote it.
 */
export function routeQueues(topic: IResource, routes: readonly BrokerRoute[]): IMessageQueue[] {
  const queues: IMessageQueue[] = [];
  for (const route of routes) {
    for (let id = 0; id < route.topic.queueCount; id += 1) queues.push(queueOf(topic, route, id));
  }
  return queues;
}

export function isReadable(permission: ModelPermission): boolean {
  return permission === 'READ' || permission === 'READ_WRITE';
}

export function isWritable(permission: ModelPermission): boolean {
  return permission === 'WRITE' || permission === 'READ_WRITE';
}

/** Queue `id` of a topic on one broker; -1 in assignments. */
export function queueOf(topic: IResource, route: BrokerRoute, id: number): IMessageQueue {
  return {
    topic,
    id,
    permission: PERMISSIONS[route.topic.permission],
    broker: {
      name: route.brokerName,
      id: MASTER_ID,
      endpoints: endpointsOf(route.host, route.port),
    },
    acceptMessageTypes: acceptedMessageTypes(route.topic.type).map((type) => MESSAGE_TYPES[type]),
  };
}

/** Exactly one address: Node joins several into an invalid target, Java forbids several for a name. */
export function endpointsOf(host: string, port: number): IEndpoints {
  return { scheme: schemeOf(host), addresses: [{ host, port }] };
}

/** A literal address must say so: clients compare endpoints with the access point, which they classify in this way. */
function schemeOf(host: string): AddressScheme {
  if (host.includes(':')) return AddressScheme.IPv6;
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) ? AddressScheme.IPv4 : AddressScheme.DOMAIN_NAME;
}
