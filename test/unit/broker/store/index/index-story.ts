import { assert } from '../../../../../common/assert.ts';
import { physicalOffset } from '../../../../../common/model/offsets.ts';
import { isDamage } from '../../../../../broker/store/index/index-damage.ts';
import { QueueIndex } from '../../../../../broker/store/index/queue-index.ts';
import type { QueueIndexOptions } from '../../../../../broker/store/index/queue-index-options.ts';
import { SnapshotStore } from '../../../../../broker/store/snapshot/snapshot-store.ts';
import type { SeededRandom } from '../../../../simulation/seeded-random.ts';
import type { SimNode } from '../../../../simulation/sim-node.ts';
import { contents, put, smallOptions } from './index-kit.ts';

type LogRecord =
  | { kind: 'entry'; physical: number; queueNo: number; offset: number }
  | { kind: 'remove'; physical: number; queueNo: number };

const QUEUES = 12;
const RECORD_BYTES = 10;
const SNAPSHOTS = '/data/snapshots';

/**
 * The life of an index next to a log that lives in the test: the log is appended to and folded into the index, loses an
 * unsynced end in a crash, is cut at the front by retention; snapshots are taken while folding goes on. After each restart
 * the index is compared with what plain arrays make of the log.
 */
export class IndexStory {
  readonly #node: SimNode;
  readonly #random: SeededRandom;
  readonly #options: QueueIndexOptions;
  #index!: QueueIndex;
  #snapshots!: SnapshotStore;
  /** The whole log, oldest record first; `physical` of record i is i × RECORD_BYTES. */
  #log: LogRecord[] = [];
  #logStart = 0;
  #durableEnd = 0;
  /** Begins of the newest snapshots, newest first: the log is not cut above the second. */
  #begins: number[] = [0, 0];
  /** Next offset of each queue that exists. */
  #ends = new Map<number, number>();
  rebuilds = 0;
  fallbacks = 0;

  constructor(node: SimNode, random: SeededRandom, changes: Partial<QueueIndexOptions> = {}) {
    this.#node = node;
    this.#random = random;
    this.#options = smallOptions(changes);
  }

  get index(): QueueIndex {
    return this.#index;
  }

  get #logEnd(): number {
    return this.#log.length * RECORD_BYTES;
  }

  /** Opens as a broker does: snapshot, index, fold of the rest, retention. */
  async open(): Promise<void> {
    await this.#open(false);
  }

  /** Throws the index away and builds it from the log. */
  async #rebuild(): Promise<void> {
    this.rebuilds++;
    await this.#index.close();
    await this.#open(true);
  }

  async #open(isRebuild: boolean): Promise<void> {
    const { environment } = this.#node;
    this.#snapshots = await SnapshotStore.open(SNAPSHOTS, environment.disk);
    const found = await this.#snapshots.latest();
    const snapshot = isRebuild ? undefined : found;
    this.fallbacks += this.#snapshots.problems.length;
    let from = snapshot?.begin ?? 0;
    assert(snapshot === undefined || snapshot.end <= this.#logEnd, 'the log reaches the snapshot');
    const chunks: Buffer[] = [];
    if (snapshot !== undefined) {
      for await (const { payload } of snapshot.sections()) chunks.push(payload);
    }
    const base = snapshot === undefined ? undefined : { chunks, logStartOffset: this.#logStart };
    this.#begins = [found?.begin ?? 0, this.#snapshots.previousBegin ?? 0];
    let result = await QueueIndex.open(this.#options, environment, base);
    if (isDamage(result)) {
      this.rebuilds++;
      from = 0;
      result = await QueueIndex.open(this.#options, environment);
      assert(result.kind === 'open', 'an index without a base opens');
    }
    this.#index = result.index;
    this.#ends.clear();
    for (const record of this.#log) {
      const isFolded = record.physical >= Math.max(from, this.#logStart);
      this.#apply(record, isFolded);
    }
    this.#index.replayEnded();
    if (isDamage(await this.#index.deleteBefore(this.#logStart))) await this.#rebuild();
  }

  /** Appends a few records, mostly entries. */
  write(count: number): void {
    for (let i = 0; i < count; i++) {
      const physical = this.#logEnd;
      // Low numbers are busy, high ones are not.
      const queueNo = Math.min(this.#random.below(QUEUES), this.#random.below(QUEUES));
      const record: LogRecord = this.#random.chance(0.01)
        ? { kind: 'remove', physical, queueNo }
        : { kind: 'entry', physical, queueNo, offset: this.#ends.get(queueNo) ?? 0 };
      this.#log.push(record);
      this.#apply(record, true);
    }
  }

  /** Takes a snapshot while entries keep coming; false when the disk did not let it. */
  async snapshot(): Promise<boolean> {
    const begin = this.#logEnd;
    let writer;
    try {
      writer = await this.#snapshots.create(physicalOffset(begin));
      for (const chunk of this.#index.capture(() => this.#logEnd)) {
        await writer.section(100, chunk);
        if (this.#random.chance(0.5)) this.write(this.#random.below(30));
        if (this.#random.chance(0.2)) await this.#index.flush();
      }
      const end = this.#logEnd;
      if (this.#random.chance(0.3)) this.write(this.#random.below(30));
      await this.#index.sync();
      // The log is durable before the snapshot counts on it.
      this.#durableEnd = Math.max(this.#durableEnd, end);
      await writer.publish(physicalOffset(end));
      this.#begins = [begin, this.#begins[0] as number];
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      await writer?.abort();
      return false;
    }
  }

  /** Cuts the log at the front, as far as both snapshots allow. */
  async retain(): Promise<void> {
    const start = this.#logStart + this.#random.below(this.#logEnd - this.#logStart + 1);
    this.#logStart = Math.min(start, ...this.#begins);
    const result = await this.#index.deleteBefore(this.#logStart);
    if (isDamage(result)) await this.#rebuild();
  }

  /** Power is lost: the log loses part of what was not durable, the disk of what was not synced. */
  async crash(): Promise<void> {
    const kept = this.#durableEnd + this.#random.below(this.#logEnd - this.#durableEnd + 1);
    this.#log.length = Math.ceil(kept / RECORD_BYTES);
    this.#durableEnd = this.#logEnd;
    this.#node.restart();
    await this.open();
  }

  /** The index is what plain arrays make of the log, or says that it is damaged and is so after a rebuild. */
  async check(): Promise<void> {
    try {
      await this.#check();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'INDEX_DAMAGED') throw error;
      await this.#rebuild();
      await this.#check();
    }
  }

  async #check(): Promise<void> {
    const expected = new Map<number, { min: number; end: number; physical: number[] }>();
    for (const record of this.#log) {
      if (record.kind === 'remove') {
        expected.delete(record.queueNo);
        continue;
      }
      const queue = expected.get(record.queueNo) ?? { min: 0, end: 0, physical: [] };
      expected.set(record.queueNo, queue);
      queue.end = record.offset + 1;
      if (record.physical >= this.#logStart) queue.physical.push(record.physical);
      queue.min = queue.end - queue.physical.length;
    }
    for (let queueNo = 0; queueNo < QUEUES; queueNo++) {
      const queue = expected.get(queueNo) ?? { min: 0, end: 0, physical: [] };
      // A rebuild knows nothing of a queue all of whose messages are gone from the log.
      if (queue.physical.length === 0 && !this.#index.has(queueNo)) continue;
      const found = { min: this.#index.minOffset(queueNo), end: this.#index.endOffset(queueNo) };
      const wanted = { min: queue.min, end: queue.end };
      assert(JSON.stringify(found) === JSON.stringify(wanted), `range of queue ${queueNo}`);
      const physical = await contents(this.#index, queueNo, 1 + this.#random.below(50));
      assert(physical.join() === queue.physical.join(), `entries of queue ${queueNo}`);
    }
  }

  #apply(record: LogRecord, isFolded: boolean): void {
    const { queueNo } = record;
    if (record.kind === 'remove') {
      this.#ends.delete(queueNo);
      if (isFolded) this.#index.removeQueue(queueNo);
      return;
    }
    this.#ends.set(queueNo, record.offset + 1);
    if (isFolded) put(this.#index, queueNo, record.offset, record.physical);
  }
}
