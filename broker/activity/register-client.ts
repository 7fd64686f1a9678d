import type { ClientRegistration } from '../../gateway/broker-access.ts';
import { isMqError } from '../../common/errors/mq-error.ts';
import { ClientType } from '../../proto/generated/v2.ts';
import type { TagFilter } from '../consume/core/tag-filter.ts';
import { tagFilter } from './receive-message.ts';
import type { BrokerServices } from './broker-services.ts';

/**
 * Takes note of a client. A consumer's groups and positions are made now, so that everything sent from here on reaches it,
 * even when its first receive comes later.
 */
export async function registerClient(
  services: BrokerServices,
  registration: ClientRegistration,
): Promise<void> {
  const { clientId, group, language, clientVersion: version, peer } = registration;
  if (group === undefined) {
    services.clients.addProducer({ clientId, language, version });
    return;
  }
  const filters = new Map<string, TagFilter>();
  for (const { topic, filter } of registration.subscriptions) {
    try {
      const parsed = tagFilter(filter);
      filters.set(topic, parsed);
      if (services.state.topics.get(topic) === undefined) await services.autoCreateTopic(topic);
      await services.subscriptions.subscribe(group, topic, parsed);
    } catch (error) {
      if (!isMqError(error)) throw error;
      services.logger.warn('a subscription cannot be served', {
        clientId,
        group,
        topic,
        reason: error.message,
      });
    }
  }
  const clientType: string = ClientType[registration.clientType];
  services.clients.addConsumer({ clientId, clientType, language, version, peer, group, filters });
  services.subscriptions.checkConsistency(group);
}

/** The client has gone: what it held goes to others. */
export function removeClient(services: BrokerServices, clientId: string): void {
  const group = services.clients.consumer(clientId)?.group;
  if (!services.clients.remove(clientId)) return;
  // A producer holds nothing.
  if (group === undefined) return;
  services.attempts.clientGone(clientId, group);
  services.subscriptions.checkConsistency(group);
}
