import { MqError } from '../common/errors/mq-error.ts';
import { fullName } from '../common/model/topic.ts';
import type { IResource } from '../proto/generated/v2.ts';
import type { ClientContext } from './broker-access.ts';
import { validateGroupName } from './validation/group-name.ts';
import { validateTopicName, type NameLimits } from './validation/topic-name.ts';

/** The full name of a resource: its own namespace wins over the one of the call (Node fills the resource's only in messages). */
export function resourceName(
  resource: IResource | null | undefined,
  client: Pick<ClientContext, 'namespace'>,
): string {
  const namespace = resource?.resourceNamespace ?? '';
  return fullName(namespace === '' ? client.namespace : namespace, resource?.name ?? '');
}

export function requiredTopic(
  resource: IResource | null | undefined,
  client: Pick<ClientContext, 'namespace'>,
  limits: NameLimits,
): string {
  if ((resource?.name ?? '') === '')
    throw new MqError('topic-illegal', { topic: '', reason: 'is missing' });
  const topic = resourceName(resource, client);
  validateTopicName(topic, limits);
  return topic;
}

export function requiredGroup(
  resource: IResource | null | undefined,
  client: Pick<ClientContext, 'namespace'>,
  limits: NameLimits,
): string {
  if ((resource?.name ?? '') === '')
    throw new MqError('group-illegal', { group: '', reason: 'is missing' });
  const group = resourceName(resource, client);
  validateGroupName(group, limits);
  return group;
}

/** A full name as a resource for what is passed on inside the cluster: its namespace, if any, is part of the name. */
export function fullResource(name: string): IResource {
  return { resourceNamespace: '', name };
}
