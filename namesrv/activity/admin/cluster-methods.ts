import { MqError } from '../../../common/errors/mq-error.ts';
import type { ServiceMethod } from '../../../common/rpc/service-table.ts';
import { adminMethod } from '../../../gateway/admin/admin-method.ts';
import {
  AdminMethods,
  type IBrokerDescription,
  type IPeekMessagesRequest,
  type IPeekMessagesResponse,
} from '../../../proto/generated/orbitmq.ts';
import type { IMessage } from '../../../proto/generated/v2.ts';
import type { BrokerLink, BrokerLinks } from '../../broker-links.ts';
import type { BrokerGroup } from '../../registry/core/broker-group.ts';
import type { AdminParts } from './admin-parts.ts';
import { ask, foundIn, isOk, saysCode, type BrokerReply } from './broker-replies.ts';

/** As on a broker. */
const PEEK_MESSAGES_MAX = 32;
/** As on a broker; clients take 4 MiB. */
const PEEK_BYTES_MAX = 3 * 1024 * 1024;

export function clusterMethods(parts: AdminParts): [string, ServiceMethod][] {
  return [
    adminMethod(parts, AdminMethods.DescribeCluster, async () => ({
      clusterName: parts.options.clusterName,
      brokers: await Promise.all(
        parts.service.registry.groups.map((group) => describeBroker(parts, group)),
      ),
    })),
    adminMethod(parts, AdminMethods.PeekMessages, (request) => peekMessages(parts, request)),
  ];
}

/** What the master says of itself; of one that cannot be asked, what it has told last. */
async function describeBroker(parts: AdminParts, group: BrokerGroup): Promise<IBrokerDescription> {
  const { name, absence, master } = group;
  const link = parts.links.link(name);
  if (absence !== undefined || link === undefined) {
    return whatIsKnown(group, `not in the routes: ${absence ?? 'unknown'}`);
  }
  if (master === undefined) return whatIsKnown(group, 'it has no master at present');
  const { status, response } = await ask(link, AdminMethods.DescribeCluster, {});
  const own = response?.brokers.find(({ brokerName }) => brokerName === name);
  return own ?? whatIsKnown(group, status.message ?? '');
}

function whatIsKnown(group: BrokerGroup, notWritableReason: string): IBrokerDescription {
  const { name, face, advertised, configuration, epoch } = group;
  const { logEndOffset, confirmOffset } = face?.heartbeat ?? { logEndOffset: 0, confirmOffset: 0 };
  return {
    ...{ brokerName: name, advertised: advertised ?? null, version: face?.hello.version ?? '' },
    ...{ epoch, logEndOffset, confirmOffset },
    topicCount: configuration.topics.size,
    groupCount: configuration.groups.size,
    writable: false,
    notWritableReason,
  };
}

async function peekMessages(
  { links }: AdminParts,
  request: IPeekMessagesRequest,
): Promise<IPeekMessagesResponse> {
  const messages = new Peeked(request.maxMessages ?? 0);
  const replies: BrokerReply<IPeekMessagesResponse>[] = [];
  for (const link of linksNamed(links, request.brokerName ?? '')) {
    const { maxMessages } = messages;
    const reply = await ask(link, AdminMethods.PeekMessages, { ...request, maxMessages });
    replies.push(reply);
    messages.add(reply.response?.messages ?? []);
    if (messages.isFull) break;
  }
  return peekAnswer(messages.all, replies);
}

function peekAnswer(
  messages: IMessage[],
  replies: readonly BrokerReply<IPeekMessagesResponse>[],
): IPeekMessagesResponse {
  const { found, refusal } = foundIn(replies, 'topic-not-found');
  if (refusal !== undefined) return { status: refusal };
  // With nothing to show, a broker that could not be asked is the answer: it may have what is missing.
  const failed = replies.find((reply) => !isOk(reply) && !isElsewhere(reply));
  if (failed !== undefined && messages.length === 0) return { status: failed.status };
  const [only, ...others] = found;
  const place = others.length === 0 ? only?.response : undefined;
  return { messages, nextOffset: place?.nextOffset };
}

/** Messages of one answer, up to a count and a size. */
class Peeked {
  readonly all: IMessage[] = [];
  isFull = false;
  readonly #count: number;
  #bytes = 0;

  /** 0: as many as one answer may have. */
  constructor(wanted: number) {
    this.#count = wanted > 0 ? Math.min(wanted, PEEK_MESSAGES_MAX) : PEEK_MESSAGES_MAX;
  }

  /** Messages that still fit. */
  get maxMessages(): number {
    return this.#count - this.all.length;
  }

  add(messages: readonly IMessage[]): void {
    for (const message of messages) {
      this.#bytes += message.body?.length ?? 0;
      if (this.all.length > 0 && this.#bytes > PEEK_BYTES_MAX) this.isFull = true;
      if (this.isFull) return;
      this.all.push(message);
      this.isFull = this.all.length >= this.#count;
    }
  }
}

/** A broker without the topic or that queue of it has nothing to show. */
function isElsewhere(reply: BrokerReply<unknown>): boolean {
  return saysCode(reply, 'topic-not-found') || saysCode(reply, 'queue-not-found');
}

/** The named broker, or all. */
function linksNamed(links: BrokerLinks, brokerName: string): readonly BrokerLink[] {
  if (brokerName !== '') {
    const link = links.link(brokerName);
    if (link === undefined) throw new MqError('broker-not-found', { broker: brokerName });
    return [link];
  }
  const all = links.up();
  if (all.length === 0) throw new MqError('not-ready', { reason: 'no broker is registered' });
  return all;
}
