/** A client's registration in the form in which it would introduce itself. Pure. */
import { ClientType, type ISettings } from '../proto/generated/v2.ts';
import type { ClientRegistration } from './broker-access.ts';
import { fullResource } from './names.ts';

export function registrationSettings(registration: ClientRegistration): ISettings {
  const { clientType, group, subscriptions, publishes } = registration;
  if (clientType === ClientType.PRODUCER || publishes.length > 0) {
    return { clientType, publishing: { topics: publishes.map(fullResource) } };
  }
  return {
    clientType,
    subscription: {
      group: group === undefined ? null : fullResource(group),
      subscriptions: subscriptions.map(({ topic, filter }) => ({
        topic: fullResource(topic),
        expression: filter,
      })),
    },
  };
}

/** Names are full already, so no namespace goes with them. */
export function registrationMetadata(registration: ClientRegistration): Record<string, string> {
  return {
    'x-mq-client-id': registration.clientId,
    'x-mq-language': registration.language,
    'x-mq-client-version': registration.clientVersion,
  };
}
