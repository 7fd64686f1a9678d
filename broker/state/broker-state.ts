/**
 * What the log means: topics, groups, queue index, consumption, idempotence window. `fold` is the only writer; a master, a
 * slave and a restart run the same records through it in log order and arrive at the same state.
 *
 * Restored from a fuzzy snapshot, parts of the state may already contain records that are folded again: each part knows the
 * log offset up to which it is complete (`asOf`) and ignores what lies below.
 */
import type { LogRecord } from '../store/record-codec.ts';
import { RecordType } from '../store/record-type.ts';
import type { QueueIndex } from '../store/index/queue-index.ts';
import { QueueProgress, type Pending } from '../consume/core/queue-progress.ts';
import { GroupTable, growQueues, type Group, type GroupTopic } from './group-table.ts';
import { type IdempotenceWindow } from './idempotence-window.ts';
import {
  decodeChange,
  type EpochChange,
  type GroupChange,
  type OffsetReset,
  type Progress,
  type SubscriptionChange,
  type TopicChange,
} from './payload/change-record.ts';
import { readMessagePlace } from './payload/message-record.ts';
import { readReference } from './payload/reference-record.ts';
import {
  readAck,
  readQueueKey,
  readRedelivery,
  type QueueKey,
} from './payload/settlement-record.ts';
import { RelocationTable } from './relocation-table.ts';
import { TopicTable, type Topic } from './topic-table.ts';

/** Index flag: the entry is a Reference record, the message itself lies elsewhere. */
const INDEX_FLAG_REFERENCE = 1;

/** What the serving side wants to know of a fold, to keep its timers and its waiting receivers in step. */
export interface StateListener {
  messageStored(topic: Topic): void;
  /** The message is finished or forgotten; its timer must go. */
  pendingDropped(pending: Pending): void;
  /** An attempt has ended; the message may be delivered again from its `notBeforeMs` on. */
  attemptEnded(standing: GroupTopic, pending: Pending): void;
  topicChanged(topic: Topic, deleted: boolean): void;
  groupChanged(group: Group, deleted: boolean): void;
}

const NO_LISTENER: StateListener = {
  messageStored: () => undefined,
  pendingDropped: () => undefined,
  attemptEnded: () => undefined,
  topicChanged: () => undefined,
  groupChanged: () => undefined,
};

export class BrokerState {
  readonly topics = new TopicTable();
  readonly groups = new GroupTable();
  readonly relocations = new RelocationTable();
  readonly index: QueueIndex;
  readonly idempotence: IdempotenceWindow;
  /** End of the last record folded. */
  foldedOffset = 0;
  /** Key of the group's receipt handles, base64; undefined until the group has had a master that said it. */
  receiptKey: string | undefined;
  /** Volatile: messages below, unless carried forward, are about to be deleted; nobody begins them any more. */
  retiredBelow = 0;
  #listener: StateListener = NO_LISTENER;

  constructor(index: QueueIndex, idempotence: IdempotenceWindow) {
    this.index = index;
    this.idempotence = idempotence;
  }

  setListener(listener: StateListener): void {
    this.#listener = listener;
  }

  fold(record: LogRecord): void {
    switch (record.type) {
      case RecordType.Message:
        this.#foldMessage(record);
        break;
      case RecordType.Ack:
        this.#foldAck(record);
        break;
      case RecordType.Redelivery:
        this.#foldRedelivery(record);
        break;
      case RecordType.Reference:
        this.#foldReference(record);
        break;
      case RecordType.Carry:
        this.#foldCarry(record);
        break;
      default:
        this.#foldChange(record);
        break;
    }
    this.foldedOffset = record.offset + record.bytes;
  }

  /** The rare records, whose payload is JSON. */
  #foldChange({ type, offset, buffer, payloadStart, payloadEnd }: LogRecord): void {
    const payload = (): unknown => decodeChange(buffer, payloadStart, payloadEnd);
    switch (type) {
      case RecordType.Progress:
        this.#foldProgress(payload() as Progress, offset);
        break;
      case RecordType.TopicChange:
        this.#foldTopic(payload() as TopicChange, offset);
        break;
      case RecordType.GroupChange:
        this.#foldGroup(payload() as GroupChange, offset);
        break;
      case RecordType.Subscription:
        this.#foldSubscription(payload() as SubscriptionChange, offset);
        break;
      case RecordType.OffsetReset:
        this.#foldReset(payload() as OffsetReset, offset);
        break;
      case RecordType.Epoch:
        this.receiptKey ??= (payload() as EpochChange).receiptKey;
        break;
      default:
        // Hole and snapshot markers carry nothing for this state.
        break;
    }
  }

  /** The group's standing on a topic; undefined when it has never subscribed. */
  standing(groupId: number, topicId: number): GroupTopic | undefined {
    return this.groups.byId(groupId)?.topics.get(topicId);
  }

  /**
   * After a failure of the log: queue offsets that were handed out but not stored are handed out again. `kept` are the stored
   * records that have not been folded yet.
   */
  resetReservations(kept: readonly LogRecord[]): void {
    for (const topic of this.topics.all()) this.syncNextOffsets(topic);
    for (const record of kept) {
      if (record.type !== RecordType.Message && record.type !== RecordType.Reference) continue;
      // Both payloads begin with the place in a queue.
      const place = readMessagePlace(record.buffer, record.payloadStart);
      const topic = this.topics.byId(place.topicId);
      if (topic !== undefined) topic.nextOffsets[place.queueId] = place.queueOffset + 1;
    }
  }

  syncNextOffsets(topic: Topic): void {
    topic.queueNos.forEach((queueNo, id) => {
      topic.nextOffsets[id] = this.index.endOffset(queueNo);
    });
  }

  #foldMessage(record: LogRecord): void {
    const place = readMessagePlace(record.buffer, record.payloadStart);
    if (record.offset >= this.idempotence.asOf) {
      this.idempotence.add(
        place.idHashHigh,
        place.idHashLow,
        record.offset,
        record.bytes,
        record.storeTimeMs,
      );
    }
    const topic = this.topics.byId(place.topicId);
    const queueNo = topic?.queueNos[place.queueId];
    if (topic === undefined || queueNo === undefined) return;
    this.index.append(queueNo, place.queueOffset, record.offset, record.bytes, place.tagHash, 0);
    this.#listener.messageStored(topic);
  }

  #foldAck(record: LogRecord): void {
    const queue = this.#queue(readQueueKey(record.buffer, record.payloadStart), record.offset);
    if (queue === undefined) return;
    for (const offset of readAck(record.buffer, record.payloadStart)) this.#finish(queue, offset);
  }

  #foldRedelivery(record: LogRecord): void {
    const key = readQueueKey(record.buffer, record.payloadStart);
    const queue = this.#queue(key, record.offset);
    const standing = this.standing(key.groupId, key.topicId);
    if (queue === undefined || standing === undefined) return;
    for (const entry of readRedelivery(record.buffer, record.payloadStart)) {
      if (queue.isDone(entry.offset)) continue;
      const pending = queue.begin(entry.offset);
      pending.ended = entry.ended;
      pending.state = 'waiting';
      pending.notBeforeMs = entry.notBeforeMs;
      pending.clientId = '';
      pending.renewUntilMs = 0;
      this.#listener.attemptEnded(standing, pending);
    }
  }

  #foldReference(record: LogRecord): void {
    const reference = readReference(record.buffer, record.payloadStart);
    const topic = this.topics.byId(reference.topicId);
    const queueNo = topic?.queueNos[reference.queueId];
    if (topic !== undefined && queueNo !== undefined) {
      const { queueOffset, tagHash } = reference;
      this.index.append(
        queueNo,
        queueOffset,
        record.offset,
        record.bytes,
        tagHash,
        INDEX_FLAG_REFERENCE,
      );
      this.#listener.messageStored(topic);
    }
    const { groupId, sourceTopicId, sourceQueueId, sourceOffset } = reference;
    const source = this.#queue(
      { groupId, topicId: sourceTopicId, queueId: sourceQueueId },
      record.offset,
    );
    if (source !== undefined) this.#finish(source, sourceOffset);
  }

  #foldCarry(record: LogRecord): void {
    const place = readMessagePlace(record.buffer, record.payloadStart);
    const queueNo = this.topics.byId(place.topicId)?.queueNos[place.queueId];
    if (queueNo === undefined) return;
    const { tagHash } = place;
    this.relocations.set(queueNo, place.queueOffset, {
      physical: record.offset,
      bytes: record.bytes,
      tagHash,
    });
  }

  #foldProgress(progress: Progress, offset: number): void {
    const queue = this.#queue(progress, offset);
    if (queue === undefined) return;
    for (const pending of queue.finishBelow(progress.offset))
      this.#listener.pendingDropped(pending);
    queue.recorded = Math.max(queue.recorded, progress.offset);
  }

  #foldTopic(change: TopicChange, offset: number): void {
    const deleted = change.deleted === true;
    if (deleted) this.#dropQueues(change.queueNos);
    const topic = this.topics.apply(change, offset);
    for (const group of this.groups.all()) {
      if (deleted) this.#forgetTopic(group, change, offset);
      else if (topic !== undefined) this.#followTopic(group, topic, change, offset);
    }
    if (topic !== undefined) this.#listener.topicChanged(topic, deleted);
  }

  /** Also for a topic that the snapshot no longer had: its index may have been captured before it was deleted. */
  #dropQueues(queueNos: readonly number[]): void {
    for (const queueNo of queueNos) {
      this.index.removeQueue(queueNo);
      this.relocations.removeQueue(queueNo);
    }
  }

  /** A group that subscribed before the topic was there gets it from its first message on. */
  #followTopic(group: Group, topic: Topic, change: TopicChange, offset: number): void {
    const standing = group.topics.get(topic.id);
    if (standing !== undefined) growQueues(standing);
    // A group restored from a later moment has decided already, maybe with filters that came after the topic.
    else if (
      change.created === true &&
      offset >= group.asOf &&
      group.filters.has(topic.config.name)
    ) {
      this.#addStanding(group, topic, () => 0, offset);
    }
  }

  /** The name may come again; a group restored from a later moment may have subscribed to that topic already. */
  #forgetTopic(group: Group, change: TopicChange, offset: number): void {
    this.#forgetStanding(group, change.topicId);
    if (offset >= group.asOf) group.filters.delete(change.config.name);
  }

  #forgetStanding(group: Group, topicId: number): void {
    for (const queue of group.topics.get(topicId)?.queues ?? []) {
      for (const pending of queue.allPending()) this.#listener.pendingDropped(pending);
    }
    group.topics.delete(topicId);
  }

  /** What only the dropped filter wanted has been passed by the others: they look at it again, so that it is finished. */
  #foldSubscription(change: SubscriptionChange, offset: number): void {
    const group = this.groups.applySubscription(change, offset);
    const topic = this.topics.get(change.topic);
    if (group === undefined || topic === undefined || change.dropped !== true) return;
    for (const queue of group.topics.get(topic.id)?.queues ?? []) queue.rewindCursors();
    this.#listener.groupChanged(group, false);
  }

  #foldGroup(change: GroupChange, offset: number): void {
    const group = this.groups.apply(change, offset);
    if (group === undefined) return;
    const deleted = change.deleted === true;
    if (deleted) {
      for (const topicId of [...group.topics.keys()]) this.#forgetStanding(group, topicId);
    }
    this.#listener.groupChanged(group, deleted);
  }

  #foldReset(reset: OffsetReset, offset: number): void {
    const group = this.groups.byId(reset.groupId);
    const topic = this.topics.byId(reset.topicId);
    if (group === undefined || topic === undefined) return;
    const target = (queueId: number): number => reset.to[queueId] ?? 0;
    const standing = group.topics.get(topic.id);
    if (standing === undefined) {
      this.#addStanding(group, topic, target, offset);
      return;
    }
    if (reset.initial === true) return;
    for (const queue of standing.queues) {
      if (offset < queue.asOf) continue;
      for (const pending of queue.reset(target(queue.queueId)))
        this.#listener.pendingDropped(pending);
    }
    this.#listener.messageStored(topic);
  }

  #addStanding(group: Group, topic: Topic, start: (queueId: number) => number, asOf: number): void {
    const queues = topic.queueNos.map((queueNo, queueId) => {
      const place = { groupId: group.id, topicId: topic.id, queueId, queueNo };
      const queue = new QueueProgress(place, start(queueId));
      queue.asOf = asOf;
      return queue;
    });
    group.topics.set(topic.id, { group, topic, queues });
  }

  #finish(queue: QueueProgress, offset: number): void {
    const pending = queue.finish(offset);
    if (pending !== undefined) this.#listener.pendingDropped(pending);
  }

  /** The queue that a settlement is about, unless it already contains it. */
  #queue(key: QueueKey, offset: number): QueueProgress | undefined {
    const queue = this.standing(key.groupId, key.topicId)?.queues[key.queueId];
    return queue === undefined || offset < queue.asOf ? undefined : queue;
  }
}
