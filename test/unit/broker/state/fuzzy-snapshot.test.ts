import { describe, expect, it } from '@jest/globals';
import { BrokerState } from '../../../../broker/state/broker-state.ts';
import { IdempotenceWindow } from '../../../../broker/state/idempotence-window.ts';
import { encodeChange } from '../../../../broker/state/payload/change-record.ts';
import {
  MESSAGE_FIXED_BYTES,
  writeMessageFixed,
} from '../../../../broker/state/payload/message-record.ts';
import {
  REFERENCE_BYTES,
  writeReference,
} from '../../../../broker/state/payload/reference-record.ts';
import {
  ackBytes,
  redeliveryBytes,
  writeAck,
  writeRedelivery,
} from '../../../../broker/state/payload/settlement-record.ts';
import {
  captureState,
  restoreOrder,
  restoreSection,
  SECTION,
  type Section,
} from '../../../../broker/state/state-snapshot.ts';
import type { Topic } from '../../../../broker/state/topic-table.ts';
import { QueueIndex } from '../../../../broker/store/index/queue-index.ts';
import { queueIndexOptions } from '../../../../broker/store/index/queue-index-options.ts';
import {
  encodeRecord,
  HEADER_BYTES,
  recordAt,
  type LogRecord,
} from '../../../../broker/store/record-codec.ts';
import { RecordType } from '../../../../broker/store/record-type.ts';
import { defaultConsumerGroup } from '../../../../common/model/consumer-group.ts';
import { epoch, physicalOffset } from '../../../../common/model/offsets.ts';
import type { Environment } from '../../../../common/environment/environment.ts';
import type { SeededRandom } from '../../../simulation/seeded-random.ts';
import { simulate } from '../../../simulation/world.ts';

const WINDOW_MS = 600_000;
const NAMES = ['t1', 't2', 't3'];
const GROUPS = ['g1', 'g2'];
const IDS = 40;

/** Records as the writers of the broker make them, folded at once. */
class Story {
  readonly state: BrokerState;
  readonly records: LogRecord[] = [];
  readonly #random: SeededRandom;
  #end = 0;

  constructor(state: BrokerState, random: SeededRandom) {
    this.state = state;
    this.#random = random;
  }

  step(): void {
    const { topics, groups } = this.state;
    const random = this.#random;
    const topic = topics.get(random.pick(NAMES));
    const group = groups.get(random.pick(GROUPS));
    const choice = random.below(100);
    if (topic === undefined && choice < 40) this.#createTopic();
    else if (group === undefined && choice < 60)
      this.#change(
        RecordType.GroupChange,
        groups.planCreate(defaultConsumerGroup(this.#freeGroup())),
      );
    else if (topic === undefined) this.#subscribe(random.pick(NAMES));
    else if (choice < 45) this.#message(topic);
    else if (choice < 75) this.#settle(topic);
    else if (choice < 80) this.#subscribe(topic.config.name);
    else if (choice < 84) this.#position(topic);
    else if (choice < 88 && topic.queueNos.length < 6)
      this.#change(
        RecordType.TopicChange,
        topics.planUpdate(topic, { ...topic.config, queueCount: topic.queueNos.length + 1 }),
      );
    else if (choice < 91) this.#change(RecordType.TopicChange, topics.planDelete(topic));
    else if (choice < 93 && group !== undefined)
      this.#change(RecordType.GroupChange, {
        groupId: group.id,
        config: group.config,
        deleted: true,
      });
    else if (choice < 96) this.#carry(topic);
    else this.#reference(topic);
  }

  #createTopic(): void {
    const name = NAMES.find((one) => this.state.topics.get(one) === undefined);
    if (name === undefined) return;
    const config = {
      name,
      type: 'NORMAL',
      queueCount: 1 + this.#random.below(3),
      permission: 'READ_WRITE',
      retentionMs: undefined,
    } as const;
    this.#change(RecordType.TopicChange, this.state.topics.planCreate(config));
  }

  #freeGroup(): string {
    return GROUPS.find((one) => this.state.groups.get(one) === undefined) ?? `more-${this.#end}`;
  }

  #subscribe(topic: string): void {
    const group = this.state.groups.get(this.#random.pick(GROUPS));
    if (group === undefined) return;
    const filterKey = this.#random.pick(['*', 'A', 'A || B']);
    const dropped = this.#random.chance(0.3) ? { dropped: true } : {};
    this.#change(RecordType.Subscription, { groupId: group.id, topic, filterKey, ...dropped });
  }

  #position(topic: Topic): void {
    const group = this.state.groups.get(this.#random.pick(GROUPS));
    if (group === undefined) return;
    const to = topic.queueNos.map((no) => this.#random.below(this.state.index.endOffset(no) + 1));
    const initial = group.topics.has(topic.id) && this.#random.chance(0.7) ? {} : { initial: true };
    this.#change(RecordType.OffsetReset, { groupId: group.id, topicId: topic.id, to, ...initial });
  }

  #message(topic: Topic): void {
    const { queueId, queueNo } = this.#queueOf(topic);
    const place = {
      topicId: topic.id,
      queueId,
      queueOffset: this.state.index.endOffset(queueNo),
      tagHash: this.#random.below(3),
      idHashHigh: 7,
      idHashLow: this.#random.below(IDS),
    };
    this.#append(RecordType.Message, MESSAGE_FIXED_BYTES, (buffer, at) =>
      writeMessageFixed(buffer, at, place, 0, 0),
    );
  }

  #settle(topic: Topic): void {
    const group = this.state.groups.get(this.#random.pick(GROUPS));
    const { queueId, queueNo } = this.#queueOf(topic);
    const end = this.state.index.endOffset(queueNo);
    if (group === undefined || end === 0) return;
    const key = { groupId: group.id, topicId: topic.id, queueId };
    const offset = this.#random.below(end);
    const queue = group.topics.get(topic.id)?.queues[queueId];
    if (this.#random.chance(0.6)) {
      this.#append(RecordType.Ack, ackBytes(1), (buffer, at) =>
        writeAck(buffer, at, key, [offset]),
      );
      return;
    }
    const ended = (queue?.pending(offset)?.ended ?? 0) + 1;
    const entries = [{ offset, ended, notBeforeMs: this.#end }];
    this.#append(RecordType.Redelivery, redeliveryBytes(1), (buffer, at) =>
      writeRedelivery(buffer, at, key, entries),
    );
  }

  #carry(topic: Topic): void {
    const { queueId, queueNo } = this.#queueOf(topic);
    const end = this.state.index.endOffset(queueNo);
    if (end === 0) return;
    const place = {
      topicId: topic.id,
      queueId,
      queueOffset: this.#random.below(end),
      tagHash: 1,
      idHashHigh: 0,
      idHashLow: 0,
    };
    this.#append(RecordType.Carry, MESSAGE_FIXED_BYTES, (buffer, at) =>
      writeMessageFixed(buffer, at, place, 0, 0),
    );
  }

  #reference(source: Topic): void {
    const target = this.state.topics.get(this.#random.pick(NAMES));
    const group = this.state.groups.get(this.#random.pick(GROUPS));
    const from = this.#queueOf(source);
    const end = this.state.index.endOffset(from.queueNo);
    if (target === undefined || group === undefined || end === 0) return;
    const into = this.#queueOf(target);
    const reference = {
      topicId: target.id,
      queueId: into.queueId,
      queueOffset: this.state.index.endOffset(into.queueNo),
      tagHash: 2,
      targetPhysical: 0,
      targetBytes: 1,
      groupId: group.id,
      sourceTopicId: source.id,
      sourceQueueId: from.queueId,
      sourceOffset: this.#random.below(end),
      attempts: 1,
    };
    this.#append(RecordType.Reference, REFERENCE_BYTES, (buffer, at) =>
      writeReference(buffer, at, reference),
    );
  }

  #queueOf(topic: Topic): { queueId: number; queueNo: number } {
    const queueId = this.#random.below(topic.queueNos.length);
    return { queueId, queueNo: topic.queueNos[queueId] ?? -1 };
  }

  #change(type: RecordType, change: object): void {
    const payload = encodeChange(change);
    this.#append(type, payload.length, (buffer, at) => void payload.copy(buffer, at));
  }

  #append(
    type: RecordType,
    payloadBytes: number,
    fill: (buffer: Buffer, at: number) => void,
  ): void {
    const buffer = Buffer.alloc(HEADER_BYTES + payloadBytes);
    fill(buffer, HEADER_BYTES);
    const offset = physicalOffset(this.#end);
    encodeRecord(buffer, 0, {
      length: buffer.length,
      type,
      flags: 0,
      epoch: epoch(0),
      offset,
      storeTimeMs: 0,
      durableOffset: offset,
    });
    const record = recordAt(buffer, 0);
    this.#end += buffer.length;
    this.records.push(record);
    this.state.fold(record);
  }
}

async function openIndex(
  environment: Environment,
  chunks?: readonly Buffer[],
): Promise<QueueIndex> {
  const options = queueIndexOptions({
    directory: '/index',
    pageEntries: 16,
    indexBufferBytes: 4_096,
    captureChunkBytes: 64,
  });
  const base = chunks && { chunks, logStartOffset: physicalOffset(0) };
  const opened = await QueueIndex.open(options, environment, base);
  if (opened.kind !== 'open') throw new Error(opened.reason);
  return opened.index;
}

/** Everything that a restart must bring back. */
function description(state: BrokerState): unknown {
  const byId = (a: { id: number }, b: { id: number }): number => a.id - b.id;
  return {
    next: [state.topics.next, state.groups.nextId],
    topics: [...state.topics.all()].sort(byId).map(({ id, config, queueNos }) => ({
      id,
      config: { ...config, retentionMs: null },
      queueNos,
      ends: queueNos.map((no) => [state.index.minOffset(no), state.index.endOffset(no)]),
    })),
    groups: [...state.groups.all()].sort(byId).map((group) => ({
      id: group.id,
      name: group.config.name,
      filters: [...group.filters]
        .map(([topic, keys]) => `${topic}: ${[...keys.keys()].sort().join(', ')}`)
        .sort(),
      standings: [...group.topics.values()]
        .sort((a, b) => a.topic.id - b.topic.id)
        .map(({ topic, queues }) => ({
          topic: topic.id,
          queues: queues.map((queue) => ({
            queue: [queue.queueId, queue.queueNo, queue.committed],
            done: Array.from({ length: 60 }, (_, offset) => queue.isDone(offset)),
            ended: [...queue.allPending()]
              .map(({ offset, ended, notBeforeMs }) => [offset, ended, notBeforeMs])
              .sort(),
          })),
        })),
    })),
    relocations: [...state.relocations.all()].map((one) => JSON.stringify(one)).sort(),
    ids: Array.from({ length: IDS }, (_, low) => state.idempotence.find(7, low, 0)),
  };
}

describe('a snapshot that is captured while records are folded', () => {
  for (let seed = 1; seed <= 80; seed++) {
    it(`and the fold of the rest give the state of the direct fold (seed ${seed})`, () =>
      simulate(seed, async (world) => {
        const { random } = world;
        const { environment } = world.addNode('broker');
        const story = new Story(
          new BrokerState(await openIndex(environment), new IdempotenceWindow(30, WINDOW_MS)),
          random,
        );
        const { state } = story;
        const tell = (steps: number): void => {
          for (let i = 0; i < steps; i++) story.step();
        };
        tell(random.below(200));
        const begin = state.foldedOffset;
        const sections: Section[] = [];
        const captureIndex = function* (): Generator<Section> {
          for (const payload of state.index.capture(() => state.foldedOffset))
            yield { kind: SECTION.index, payload };
        };
        for (const section of captureState(state, captureIndex)) {
          sections.push(section);
          tell(random.below(8));
          if (random.chance(0.2)) await world.sleep(200);
        }
        await state.index.sync();
        tell(random.below(40));
        await state.index.close();
        const chunks = sections
          .filter(({ kind }) => kind === SECTION.index)
          .map(({ payload }) => payload);
        const restored = new BrokerState(
          await openIndex(environment, chunks),
          new IdempotenceWindow(30, WINDOW_MS),
        );
        for (const section of restoreOrder(sections)) restoreSection(restored, section);
        restored.foldedOffset = begin;
        for (const record of story.records) if (record.offset >= begin) restored.fold(record);
        restored.index.replayEnded();
        expect(description(restored)).toEqual(description(state));
        await restored.index.close();
      }));
  }
});
