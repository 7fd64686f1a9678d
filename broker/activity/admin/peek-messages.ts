import { MqError } from '../../../common/errors/mq-error.ts';
import { composeMessage } from '../../../common/wire/delivered-message.ts';
import type {
  IPeekMessagesRequest,
  IPeekMessagesResponse,
} from '../../../proto/generated/orbitmq.ts';
import { Message, type IMessage } from '../../../proto/generated/v2.ts';
import { matches, type TagFilter } from '../../consume/core/tag-filter.ts';
import { tagOf } from '../../consume/stored-tag.ts';
import type { Topic } from '../../state/topic-table.ts';
import type { BrokerServices } from '../broker-services.ts';
import { deadLetterFields } from '../dead-letter-fields.ts';
import { tagFilter } from '../receive-message.ts';

const MESSAGES_MAX = 32;
const BYTES_MAX = 3 * 1024 * 1024;
/** Messages looked at for one answer when a filter passes over most of them. */
const LOOKED_MAX = 10_000;

/** Walks the wanted queues from the wanted offset; bounded by count, bytes and messages looked at. */
export async function peekMessages(
  services: BrokerServices,
  request: IPeekMessagesRequest,
): Promise<IPeekMessagesResponse> {
  const topic = services.state.topics.get(request.topic ?? '');
  if (topic === undefined) throw new MqError('topic-not-found', { topic: request.topic ?? '' });
  const queueIds = wantedQueues(services, topic, request);
  const peek = new Peek(services, topic, tagFilter(request.filter), request.maxMessages ?? 0);
  let nextOffset: number | undefined;
  for (const queueId of queueIds) {
    const reached = await peek.queue(queueId, request.offset ?? 0);
    if (queueIds.length === 1) nextOffset = reached;
    if (peek.isFull) break;
  }
  return { messages: peek.messages, nextOffset };
}

/** What one answer has gathered. */
class Peek {
  readonly messages: IMessage[] = [];
  readonly #services: BrokerServices;
  readonly #topic: Topic;
  readonly #filter: TagFilter;
  readonly #count: number;
  #bytes = 0;
  #looked = 0;

  constructor(services: BrokerServices, topic: Topic, filter: TagFilter, wanted: number) {
    this.#services = services;
    this.#topic = topic;
    this.#filter = filter;
    this.#count = wanted === 0 ? MESSAGES_MAX : Math.min(Math.max(wanted, 1), MESSAGES_MAX);
  }

  get isFull(): boolean {
    return (
      this.messages.length >= this.#count || this.#bytes >= BYTES_MAX || this.#looked >= LOOKED_MAX
    );
  }

  /** Returns the first offset that it has not looked at. */
  async queue(queueId: number, from: number): Promise<number> {
    const { index } = this.#services.state;
    const queueNo = this.#topic.queueNos[queueId] ?? 0;
    const end = index.endOffset(queueNo);
    let offset = Math.max(from, index.minOffset(queueNo));
    for (; offset < end && !this.isFull; offset++) {
      this.#looked++;
      if (!(await this.#take(queueId, queueNo, offset))) break;
    }
    return offset;
  }

  /** False when the message no longer fits into this answer. */
  async #take(queueId: number, queueNo: number, offset: number): Promise<boolean> {
    const { locator, reader, storeHost } = this.#services;
    const found = await locator.entry(queueNo, offset);
    if (found === undefined) return true;
    if (this.messages.length > 0 && this.#bytes + found.bytes > BYTES_MAX) return false;
    const [message] = await reader.read([found]);
    if (message === undefined || !matches(this.#filter, tagOf(message))) return true;
    const place = {
      queueId,
      queueOffset: offset,
      storeTimestampMs: message.storeTimeMs,
      storeHost,
    };
    const wire = composeMessage(message, { ...place, ...deadLetterFields(this.#topic, message) });
    this.messages.push(Message.decode(wire));
    this.#bytes += wire.length;
    return true;
  }
}

function wantedQueues(
  services: BrokerServices,
  topic: Topic,
  request: IPeekMessagesRequest,
): number[] {
  const { queueId, offset, brokerName } = request;
  const own = services.options.brokerName;
  if (brokerName && brokerName !== own)
    throw new MqError('broker-not-found', { broker: brokerName });
  if (queueId === null || queueId === undefined) {
    if (offset) throw new MqError('field-illegal', { field: 'offset', reason: 'needs a queue_id' });
    return topic.queueNos.map((_, id) => id);
  }
  if (queueId >= 0 && queueId < topic.queueNos.length) return [queueId];
  throw new MqError('queue-not-found', { topic: topic.config.name, queueId, broker: own });
}
