/**
 * The folded state as sections of a snapshot, and back. Captured in small pieces while folding goes on: each piece is
 * consistent in itself and says up to which log offset (`asOf`); a restart folds the log from the snapshot's begin and each
 * part ignores what it already contains. Order matters: groups before topics and the index before topics, so that a topic
 * deleted meanwhile is in none of them, and one created meanwhile is built anew from the log.
 */
import type { ConsumerGroupConfig } from '../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../common/model/topic.ts';
import { QueueProgress } from '../consume/core/queue-progress.ts';
import type { BrokerState } from './broker-state.ts';
import { growQueues, type Group, type GroupTopic } from './group-table.ts';
import type { Relocation } from './relocation-table.ts';

/** Section kinds; numbers are part of the file format. The queue index adds its own from 100 on. */
export const SECTION = {
  groups: 1,
  standings: 2,
  topics: 3,
  idempotence: 4,
  relocations: 5,
  numbers: 6,
  index: 100,
} as const;

export interface Section {
  readonly kind: number;
  readonly payload: Buffer;
}

/** Entities in one piece: about a millisecond of work. */
const ENTITIES_PER_SECTION = 256;

interface GroupImage {
  id: number;
  config: ConsumerGroupConfig;
  /** [topic name, filter keys] */
  filters: [string, string[]][];
}

interface TopicImage {
  id: number;
  config: TopicConfig;
  queueNos: number[];
  /** End offset of each queue: an index that is built anew would not know it of a queue whose messages are all gone. */
  ends: number[];
}

interface ProgressImage {
  queueId: number;
  queueNo: number;
  committed: number;
  /** Offsets with ended attempts: [offset, ended, not before]. */
  pending?: [number, number, number][];
  /** Finished out of order: base, end, and the bits in base64. */
  done?: [number, number, string];
}

interface StandingImage {
  groupId: number;
  topicId: number;
  queues: ProgressImage[];
}

/** Numbers not given away yet: those of what was deleted are gone for good. */
interface NumbersImage {
  topicId: number;
  queueNo: number;
  groupId: number;
  receiptKey?: string;
}

interface Images<T> {
  asOf: number;
  items: T[];
}

/** Everything but the queue index, whose tails the index captures itself: `captureIndex` is spliced in before the topics. */
export function* captureState(
  state: BrokerState,
  captureIndex: () => Iterable<Section>,
): Generator<Section> {
  const { receiptKey } = state;
  const numbers: NumbersImage = {
    ...state.topics.next,
    groupId: state.groups.nextId,
    ...(receiptKey === undefined ? {} : { receiptKey }),
  };
  yield jsonSection(SECTION.numbers, state.foldedOffset, [numbers]);
  yield* idempotenceSections(state);
  yield* sections(SECTION.groups, state, state.groups.all(), groupImage);
  yield* sections(SECTION.standings, state, standings(state), standingImage);
  yield* captureIndex();
  yield* sections(SECTION.relocations, state, state.relocations.all(), (relocation) => relocation);
  yield* sections(
    SECTION.topics,
    state,
    state.topics.all(),
    ({ id, config, queueNos }): TopicImage => {
      return {
        id,
        config,
        queueNos,
        ends: queueNos.map((queueNo) => state.index.endOffset(queueNo)),
      };
    },
  );
}

/** Takes one section back; topics must come first (see `restoreOrder`). */
export function restoreSection(state: BrokerState, section: Section): void {
  const { kind, payload } = section;
  if (kind === SECTION.idempotence) {
    state.idempotence.asOf = payload.readDoubleBE(0);
    state.idempotence.restore(payload.subarray(8));
    return;
  }
  // The queue index takes its own sections back.
  if (kind >= SECTION.index) return;
  const image = JSON.parse(payload.toString('utf8')) as Images<unknown>;
  for (const item of image.items) restoreItem(state, kind, item, image.asOf);
}

/** Sections in the order in which they must be restored. */
export function restoreOrder(sections: readonly Section[]): Section[] {
  const rank = new Map<number, number>([
    [SECTION.topics, 0],
    [SECTION.groups, 1],
  ]);
  return [...sections].sort((a, b) => (rank.get(a.kind) ?? 2) - (rank.get(b.kind) ?? 2));
}

/** End offsets of the queues as the snapshot knows them. */
export function* endOffsets(
  sections: readonly Section[],
): Generator<{ queueNo: number; end: number }> {
  for (const { kind, payload } of sections) {
    if (kind !== SECTION.topics) continue;
    const image = JSON.parse(payload.toString('utf8')) as Images<TopicImage>;
    for (const { queueNos, ends } of image.items) {
      for (const [id, queueNo] of queueNos.entries()) yield { queueNo, end: ends[id] ?? 0 };
    }
  }
}

/** For an index that is built anew: queues whose messages are all gone go on counting where they were. */
export function restoreEndOffsets(state: BrokerState, sections: readonly Section[]): void {
  for (const { queueNo, end } of endOffsets(sections))
    if (end > state.index.endOffset(queueNo)) state.index.setMinOffset(queueNo, end);
}

function restoreItem(state: BrokerState, kind: number, item: unknown, asOf: number): void {
  if (kind === SECTION.topics) {
    const { id, config, queueNos } = item as TopicImage;
    state.topics.apply({ topicId: id, config, queueNos, created: true }, asOf);
  } else if (kind === SECTION.groups) {
    restoreGroup(state, item as GroupImage, asOf);
  } else if (kind === SECTION.standings) {
    restoreStanding(state, item as StandingImage, asOf);
  } else if (kind === SECTION.relocations) {
    const { queueNo, offset, physical, bytes, tagHash } = item as {
      queueNo: number;
      offset: number;
    } & Relocation;
    state.relocations.set(queueNo, offset, { physical, bytes, tagHash });
  } else if (kind === SECTION.numbers) {
    const { groupId, receiptKey, ...next } = item as NumbersImage;
    state.receiptKey = receiptKey;
    state.topics.reserveBelow(next);
    state.groups.reserveBelow(groupId);
  }
}

function* sections<T>(
  kind: number,
  state: BrokerState,
  entities: Iterable<T>,
  image: (entity: T) => unknown,
): Generator<Section> {
  let items: unknown[] = [];
  let asOf = state.foldedOffset;
  for (const entity of entities) {
    if (items.length === 0) asOf = state.foldedOffset;
    items.push(image(entity));
    if (items.length < ENTITIES_PER_SECTION) continue;
    yield jsonSection(kind, asOf, items);
    items = [];
  }
  if (items.length > 0) yield jsonSection(kind, asOf, items);
}

function jsonSection(kind: number, asOf: number, items: unknown[]): Section {
  return {
    kind,
    payload: Buffer.from(JSON.stringify({ asOf, items } satisfies Images<unknown>), 'utf8'),
  };
}

/** Sends that are folded while these are written are not in them: all say the same `asOf`, and the log has the rest. */
function* idempotenceSections(state: BrokerState): Generator<Section> {
  const asOf = Buffer.allocUnsafe(8);
  asOf.writeDoubleBE(state.foldedOffset, 0);
  for (const chunk of state.idempotence.captureChunks())
    yield { kind: SECTION.idempotence, payload: Buffer.concat([asOf, chunk]) };
}

function* standings(state: BrokerState): Generator<GroupTopic> {
  for (const group of state.groups.all()) yield* group.topics.values();
}

function groupImage(group: Group): GroupImage {
  const filters = [...group.filters].map(([topic, keys]): [string, string[]] => [
    topic,
    [...keys.keys()],
  ]);
  return { id: group.id, config: group.config, filters };
}

function restoreGroup(state: BrokerState, image: GroupImage, asOf: number): void {
  const group = state.groups.apply(
    { groupId: image.id, config: image.config, created: true },
    asOf,
  );
  for (const [topic, keys] of image.filters) {
    for (const filterKey of keys)
      state.groups.applySubscription({ groupId: image.id, topic, filterKey }, asOf);
  }
  if (group !== undefined) group.asOf = asOf;
}

function standingImage(standing: GroupTopic): StandingImage {
  const { group, topic, queues } = standing;
  return { groupId: group.id, topicId: topic.id, queues: queues.map(progressImage) };
}

function progressImage(queue: QueueProgress): ProgressImage {
  const image: ProgressImage = {
    queueId: queue.queueId,
    queueNo: queue.queueNo,
    committed: queue.committed,
  };
  const ended = [...queue.allPending()].filter((pending) => pending.ended > 0);
  if (ended.length > 0) {
    image.pending = ended.map((pending) => [pending.offset, pending.ended, pending.notBeforeMs]);
  }
  const done = queue.captureDone();
  if (done !== undefined) {
    const { base, end, words } = done;
    image.done = [
      base,
      end,
      Buffer.from(words.buffer, words.byteOffset, words.byteLength).toString('base64'),
    ];
  }
  return image;
}

function restoreStanding(state: BrokerState, image: StandingImage, asOf: number): void {
  const group = state.groups.byId(image.groupId);
  const topic = state.topics.byId(image.topicId);
  // The topic or the group went while the snapshot was taken: what remains of it is in the log.
  if (group === undefined || topic === undefined) return;
  const queues = image.queues.map((queue) => restoreProgress(image, queue, asOf));
  const standing = { group, topic, queues };
  // Topics are captured last: this one may have grown since.
  growQueues(standing);
  group.topics.set(topic.id, standing);
}

function restoreProgress(
  standing: StandingImage,
  image: ProgressImage,
  asOf: number,
): QueueProgress {
  const { groupId, topicId } = standing;
  const { queueId, queueNo } = image;
  const queue = new QueueProgress({ groupId, topicId, queueId, queueNo }, image.committed);
  queue.asOf = asOf;
  if (image.done !== undefined) {
    const [base, end, bits] = image.done;
    const bytes = Buffer.from(bits, 'base64');
    const words = new Uint32Array(bytes.length / Uint32Array.BYTES_PER_ELEMENT);
    bytes.copy(new Uint8Array(words.buffer));
    queue.restoreDone({ base, end, words });
  }
  for (const [offset, ended, notBeforeMs] of image.pending ?? []) {
    const pending = queue.begin(offset);
    pending.ended = ended;
    pending.notBeforeMs = notBeforeMs;
    pending.state = 'waiting';
  }
  return queue;
}
