import type { Clock } from '../common/environment/clock.ts';
import type { CounterCell, HistogramCell } from '../common/metrics/metric-cell.ts';
import type { Metrics } from '../common/metrics/metrics.ts';
import { DLQ_PREFIX } from '../common/model/topic.ts';
import type { MessageView } from '../common/wire/message-view.ts';
import { storedBodyBytes } from '../common/wire/stored-message.ts';
import type { Delivery } from './consume/receiver.ts';
import type { GroupTopic } from './state/group-table.ts';
import type { Topic } from './state/topic-table.ts';

interface InCells {
  readonly messages: CounterCell;
  readonly bytes: CounterCell;
  readonly size: HistogramCell;
}

interface OutCells {
  readonly messages: CounterCell;
  readonly bytes: CounterCell;
}

/** Counts what comes in and goes out. The cells of a topic or group are looked up once. */
export class Traffic {
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #in = new WeakMap<Topic, InCells>();
  readonly #out = new WeakMap<GroupTopic, readonly [OutCells, OutCells]>();

  constructor(metrics: Metrics, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  /** Times the creation of a topic or group. */
  readonly creation = async <T>(what: 'topic' | 'group', created: Promise<T>): Promise<T> => {
    const key = what === 'topic' ? 'topicCreateExecutionTime' : 'consumerGroupCreateExecutionTime';
    const startMs = this.#clock.monotonicMs();
    let invocation_status = 'failed';
    try {
      const result = await created;
      invocation_status = 'success';
      return result;
    } finally {
      this.#metrics
        .histogram(key)
        .cell({ invocation_status })
        .observe(this.#clock.monotonicMs() - startMs);
    }
  };

  messageIn(topic: Topic, message: MessageView): void {
    const cells = this.#in.get(topic) ?? this.#addIn(topic);
    cells.messages.add(1);
    cells.bytes.add(message.bodyBytes);
    cells.size.observe(message.bodyBytes);
  }

  messagesOut(standing: GroupTopic, deliveries: readonly Delivery[]): void {
    const [first, retried] = this.#out.get(standing) ?? this.#addOut(standing);
    for (const { attempt, message } of deliveries) {
      const cells = attempt > 1 ? retried : first;
      cells.messages.add(1);
      cells.bytes.add(storedBodyBytes(message.buffer, message.headStart, message.headEnd));
    }
  }

  duplicateSend(): void {
    this.#metrics.counter('idempotentSends').cell({}).add(1);
  }

  attemptEnded(group: string, topic: string): void {
    this.#metrics.counter('popReviveRetryMessages').cell({ topic, consumer_group: group }).add(1);
  }

  deadLetter(group: string, topic: string): void {
    const labels = { topic, consumer_group: group, is_retry: 'false', is_system: 'false' };
    this.#metrics.counter('sendToDlq').cell(labels).add(1);
  }

  #addIn(topic: Topic): InCells {
    const { name, type } = topic.config;
    const labels = { topic: name, message_type: type.toLowerCase(), is_system: isSystem(name) };
    const cells = {
      messages: this.#metrics.counter('messagesIn').cell(labels),
      bytes: this.#metrics.counter('throughputIn').cell(labels),
      size: this.#metrics
        .histogram('messageSize')
        .cell({ topic: name, message_type: type.toLowerCase() }),
    };
    this.#in.set(topic, cells);
    return cells;
  }

  #addOut(standing: GroupTopic): readonly [OutCells, OutCells] {
    const pair = [this.#outCells(standing, 'false'), this.#outCells(standing, 'true')] as const;
    this.#out.set(standing, pair);
    return pair;
  }

  #outCells(standing: GroupTopic, isRetry: string): OutCells {
    const topic = standing.topic.config.name;
    const labels = {
      topic,
      consumer_group: standing.group.config.name,
      is_retry: isRetry,
      is_system: isSystem(topic),
    };
    return {
      messages: this.#metrics.counter('messagesOut').cell(labels),
      bytes: this.#metrics.counter('throughputOut').cell(labels),
    };
  }
}

function isSystem(topic: string): string {
  return String(topic.startsWith(DLQ_PREFIX));
}
