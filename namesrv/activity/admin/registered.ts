/** What the administration compares with the registry: the same for topics and for groups. */
import type { ErrorCode } from '../../../common/errors/catalog.ts';
import type { ConsumerGroupConfig } from '../../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../../common/model/topic.ts';
import type { ConfigurationCopy } from '../../registry/core/configuration-copy.ts';
import type { AdminParts } from './admin-parts.ts';
import { isOk, saysCode, type BrokerReply } from './broker-replies.ts';

interface Kind<Config> {
  readonly exists: ErrorCode;
  readonly missing: ErrorCode;
  of(configuration: ConfigurationCopy): ReadonlyMap<string, Config>;
}

export const TOPICS: Kind<TopicConfig> = {
  exists: 'topic-exists',
  missing: 'topic-not-found',
  of: ({ topics }) => topics,
};

export const GROUPS: Kind<ConsumerGroupConfig> = {
  exists: 'group-exists',
  missing: 'group-not-found',
  of: ({ groups }) => groups,
};

/**
 * Waits until what brokers have done has also been registered, `wanted` or its absence: whoever has created a topic finds it
 * in the next list.
 */
export async function registered<Config>(
  { service }: AdminParts,
  kind: Kind<Config>,
  replies: readonly BrokerReply<unknown>[],
  name: string,
  wanted: Config | undefined,
): Promise<void> {
  const brokers = replies.filter(isOk).map(({ brokerName }) => brokerName);
  if (brokers.length === 0) return;
  await service.whenRegistered(brokers, (copy) => isSame(kind.of(copy).get(name), wanted));
}

/** A broker that has the same already needs no creation; this completes one that failed halfway. */
export function hasAlready<Config extends { readonly name: string }>(
  { service }: AdminParts,
  kind: Kind<Config>,
  reply: BrokerReply<unknown>,
  created: Config | undefined,
): boolean {
  if (!saysCode(reply, kind.exists)) return false;
  if (created === undefined) return true;
  const group = service.registry.broker(reply.brokerName);
  return group !== undefined && isSame(kind.of(group.configuration).get(created.name), created);
}

/** Where brokers differ, the first one's configuration is shown; a description shows each. */
export function union<Config>({ service }: AdminParts, kind: Kind<Config>): Map<string, Config> {
  const all = new Map<string, Config>();
  for (const { configuration } of service.registry.up) {
    for (const [name, config] of kind.of(configuration)) {
      if (!all.has(name)) all.set(name, config);
    }
  }
  return all;
}

/** Both come out of one decoder, so their fields stand in one order. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
