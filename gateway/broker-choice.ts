/** Which broker group answers a request that names none, or one that does not have the topic. */
import { MqError } from '../common/errors/mq-error.ts';
import type { BrokerAccess, BrokerRoute } from './broker-access.ts';
import type { Gateway } from './gateway.ts';

/**
 * The broker for a new message: our own if it has the topic, since clients send to the address of the queue that they chose;
 * else the one that `key` hashes to (messages of one group stay together), or any, in turn.
 */
export function brokerForSend(
  routes: readonly BrokerRoute[],
  key: string | undefined,
  gateway: Gateway,
): BrokerAccess {
  const own = routes.find((route) => route.brokerName === gateway.localBroker);
  if (own !== undefined) return reachable(own.brokerName, gateway);
  const index = key === undefined ? gateway.environment.random.uint32() : hash(key);
  const route = routes[index % routes.length];
  return reachable(route?.brokerName ?? '', gateway);
}

/** The broker that a receive names if it has the topic; else ours, else any (Node names a "virtual-broker"). */
export function brokerForReceive(
  routes: readonly BrokerRoute[],
  brokerName: string,
  gateway: Gateway,
): BrokerAccess {
  const route =
    routes.find((candidate) => candidate.brokerName === brokerName) ??
    routes.find((candidate) => candidate.brokerName === gateway.localBroker) ??
    routes[gateway.environment.random.uint32() % routes.length];
  return reachable(route?.brokerName ?? '', gateway);
}

function reachable(brokerName: string, gateway: Gateway): BrokerAccess {
  const broker = gateway.cluster.broker(brokerName);
  if (broker === undefined) throw new MqError('broker-not-found', { broker: brokerName });
  return broker;
}

/** FNV-1a, 32 bits: stable over processes and versions, since order depends on it. */
function hash(key: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(key, 'utf8')) {
    value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  }
  return value;
}
