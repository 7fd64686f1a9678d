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
  const topics = registration.subscriptions.map(({ topic }) => topic);
  // Before anything is waited for: the client has its answer already and may send at once.
  services.subscriptions.announce(group, topics);
  let filters: Map<string, TagFilter>;
  try {
    filters = await subscribeAll(services, group, registration);
  } finally {
    services.subscriptions.forgetAnnouncement(group, topics);
  }
  const clientType: string = ClientType[registration.clientType];
  services.clients.addConsumer({ clientId, clientType, language, version, peer, group, filters });
  services.subscriptions.checkConsistency(group);
}

async function subscribeAll(
  services: BrokerServices,
  group: string,
  { clientId, subscriptions }: ClientRegistration,
): Promise<Map<string, TagFilter>> {
  const filters = new Map<string, TagFilter>();
  for (const { topic, filter } of subscriptions) {
    try {
      const parsed = tagFilter(filter);
      filters.set(topic, parsed);
      if (services.state.topics.get(topic) === undefined) await services.autoCreateTopic(topic);
      await services.subscriptions.subscribe(group, topic, parsed);
    } catch (error) {
      if (!isMqError(error)) throw error;
      const reason = error.message;
      services.logger.warn('a subscription cannot be served', { clientId, group, topic, reason });
    }
  }
  return filters;
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
