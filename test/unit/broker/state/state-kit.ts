import { BrokerState } from '../../../../broker/state/broker-state.ts';
import { IdempotenceWindow } from '../../../../broker/state/idempotence-window.ts';
import { encodeChange } from '../../../../broker/state/payload/change-record.ts';
import type { GroupTopic } from '../../../../broker/state/group-table.ts';
import { tagHash } from '../../../../broker/state/hash.ts';
import type { Topic } from '../../../../broker/state/topic-table.ts';
import { QueueIndex } from '../../../../broker/store/index/queue-index.ts';
import { queueIndexOptions } from '../../../../broker/store/index/queue-index-options.ts';
import { encodeRecord, HEADER_BYTES, recordAt } from '../../../../broker/store/record-codec.ts';
import { RecordType } from '../../../../broker/store/record-type.ts';
import type { Environment } from '../../../../common/environment/environment.ts';
import { defaultConsumerGroup } from '../../../../common/model/consumer-group.ts';
import { epoch, physicalOffset } from '../../../../common/model/offsets.ts';
import type { TopicConfig } from '../../../../common/model/topic.ts';

export const topicConfig = (name: string, queueCount = 1): TopicConfig => ({
  name,
  queueCount,
  type: 'NORMAL',
  permission: 'READ_WRITE',
  retentionMs: undefined,
});

export async function openState(
  environment: Environment,
  changes: Partial<Parameters<typeof queueIndexOptions>[0]> = {},
): Promise<BrokerState> {
  const options = queueIndexOptions({
    directory: '/index',
    indexBufferBytes: 1 << 20,
    pageEntries: 32,
    ...changes,
  });
  const opened = await QueueIndex.open(options, environment);
  if (opened.kind !== 'open') throw new Error(opened.reason);
  return new BrokerState(opened.index, new IdempotenceWindow(100, 60_000));
}

/** Folds records as a log would hand them in. */
export class StateStory {
  readonly state: BrokerState;

  constructor(state: BrokerState) {
    this.state = state;
  }

  topic(name: string, queueCount = 1): Topic {
    this.fold(
      RecordType.TopicChange,
      encodeChange(this.state.topics.planCreate(topicConfig(name, queueCount))),
    );
    return required(this.state.topics.get(name));
  }

  /** A group that stands at the beginning of the topic, with these filters. */
  standing(groupName: string, topic: Topic, filters: readonly string[] = ['*']): GroupTopic {
    const { groups } = this.state;
    const plan = groups.planCreate(defaultConsumerGroup(groupName));
    this.fold(RecordType.GroupChange, encodeChange(plan));
    const { groupId } = plan;
    for (const filterKey of filters) {
      const change = { groupId, topic: topic.config.name, filterKey };
      this.fold(RecordType.Subscription, encodeChange(change));
    }
    const to = topic.queueNos.map(() => 0);
    this.fold(RecordType.OffsetReset, encodeChange({ groupId, topicId: topic.id, to }));
    return required(this.state.standing(groupId, topic.id));
  }

  /** An index entry without a record: what selection sees of a message. */
  entry(topic: Topic, queueId: number, tag = '', bytes = 100): void {
    const { index } = this.state;
    const queueNo = topic.queueNos[queueId] ?? -1;
    const at = this.state.foldedOffset;
    index.append(queueNo, index.endOffset(queueNo), at, bytes, tagHash(tag), 0);
    this.state.foldedOffset = at + bytes;
  }

  fold(type: RecordType, payload: Buffer): void {
    const buffer = Buffer.alloc(HEADER_BYTES + payload.length);
    payload.copy(buffer, HEADER_BYTES);
    const offset = physicalOffset(this.state.foldedOffset);
    encodeRecord(buffer, 0, {
      length: buffer.length,
      type,
      flags: 0,
      epoch: epoch(0),
      offset,
      storeTimeMs: 0,
      durableOffset: offset,
    });
    this.state.fold({ ...recordAt(buffer, 0), offset });
  }
}

export function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is none');
  return value;
}
