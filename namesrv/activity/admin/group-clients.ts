/** Clients of a group as several brokers see them: each client is known to all of them. Pure. */
import type {
  IGroupClient,
  ISubscriptionConflict,
  ISubscriptionVariant,
} from '../../../proto/generated/orbitmq.ts';
import { compareText } from './broker-replies.ts';

type Maybe<Value> = readonly Value[] | null | undefined;

/** Each client once, as the broker describes it that heard of it last. */
export function mergedClients(lists: readonly Maybe<IGroupClient>[]): IGroupClient[] {
  const clients = new Map<string, IGroupClient>();
  for (const client of lists.flatMap((list) => list ?? [])) {
    const known = clients.get(client.clientId ?? '');
    if (known === undefined || (client.lastSeenTimeMs ?? 0) > (known.lastSeenTimeMs ?? 0)) {
      clients.set(client.clientId ?? '', client);
    }
  }
  return [...clients.values()].sort((a, b) => compareText(a.clientId, b.clientId));
}

/** Each topic once, with the variants of all brokers and the clients that use them. */
export function mergedConflicts(
  lists: readonly Maybe<ISubscriptionConflict>[],
): ISubscriptionConflict[] {
  const byTopic = new Map<string, ISubscriptionVariant[]>();
  for (const { topic, variants } of lists.flatMap((list) => list ?? [])) {
    const all = byTopic.get(topic ?? '') ?? [];
    byTopic.set(topic ?? '', all);
    all.push(...(variants ?? []));
  }
  return [...byTopic]
    .sort(([a], [b]) => compareText(a, b))
    .map(([topic, variants]) => ({ topic, variants: mergedVariants(variants) }));
}

function mergedVariants(variants: readonly ISubscriptionVariant[]): ISubscriptionVariant[] {
  const byFilter = new Map<string, { variant: ISubscriptionVariant; clientIds: Set<string> }>();
  for (const variant of variants) {
    const { filter } = variant;
    const key = filter ? `${filter.type ?? ''} ${filter.expression ?? ''}` : '';
    const known = byFilter.get(key) ?? { variant, clientIds: new Set() };
    byFilter.set(key, known);
    for (const clientId of variant.clientIds ?? []) known.clientIds.add(clientId);
  }
  return [...byFilter.values()].map(({ variant, clientIds }) => ({
    filter: variant.filter ?? null,
    clientIds: [...clientIds].sort(compareText),
  }));
}
