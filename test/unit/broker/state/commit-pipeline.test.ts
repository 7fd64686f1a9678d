import { describe, expect, it } from '@jest/globals';
import type { BrokerState } from '../../../../broker/state/broker-state.ts';
import { CommitPipeline } from '../../../../broker/state/commit-pipeline.ts';
import { MessageReader } from '../../../../broker/state/message-reader.ts';
import { encodeChange } from '../../../../broker/state/payload/change-record.ts';
import {
  MESSAGE_FIXED_BYTES,
  writeMessageFixed,
} from '../../../../broker/state/payload/message-record.ts';
import type { Topic } from '../../../../broker/state/topic-table.ts';
import type { CommitLog, CommitLogOptions } from '../../../../broker/store/commit-log.ts';
import { RecordType } from '../../../../broker/store/record-type.ts';
import { isMqError } from '../../../../common/errors/mq-error.ts';
import type { SimNode } from '../../../simulation/sim-node.ts';
import { simulate, type World } from '../../../simulation/world.ts';
import { openLog } from '../store/store-kit.ts';
import { openState, required, topicConfig } from './state-kit.ts';

const EIO = { kind: 'error', code: 'EIO' } as const;

interface Scene {
  log?: Partial<CommitLogOptions>;
  /** Which offset of the log counts as confirmed. */
  confirm?: 'durable' | 'written' | 'by hand';
}

class Stage {
  readonly node: SimNode;
  readonly log: CommitLog;
  readonly state: BrokerState;
  readonly pipeline: CommitPipeline;
  /** For `confirm: 'by hand'`. */
  confirmed = 0;
  mayAnswer = true;

  private constructor(node: SimNode, log: CommitLog, state: BrokerState, scene: Scene) {
    this.node = node;
    this.log = log;
    this.state = state;
    const confirmOffset = (): number => {
      if (scene.confirm === 'by hand') return this.confirmed;
      return scene.confirm === 'written' ? log.writtenOffset : log.durableOffset;
    };
    this.pipeline = new CommitPipeline(log, state, node.environment.timers, {
      confirmOffset,
      mayAnswer: () => this.mayAnswer,
      pendingBytes: 100_000,
    });
  }

  static async open(world: World, scene: Scene): Promise<Stage> {
    const node = world.addNode('b');
    const log = await openLog(node.environment, scene.log);
    return new Stage(node, log, await openState(node.environment), scene);
  }

  createTopic(queues = 1): void {
    const plan = this.state.topics.planCreate(topicConfig('t', queues));
    this.pipeline.appendBytes(RecordType.TopicChange, encodeChange(plan));
  }

  get topic(): Topic {
    return required(this.state.topics.get('t'));
  }

  get end(): number {
    return this.state.index.endOffset(required(this.topic.queueNos[0]));
  }

  /** Reserves a queue offset and appends, as the writer of messages does; the physical offset. */
  message(): number {
    const { topic } = this;
    const queueOffset = required(topic.nextOffsets[0]);
    const physical = this.pipeline.append(RecordType.Message, MESSAGE_FIXED_BYTES, (buffer, at) => {
      const hash = { idHashHigh: 1, idHashLow: queueOffset };
      writeMessageFixed(
        buffer,
        at,
        { topicId: topic.id, queueId: 0, queueOffset, tagHash: 0, ...hash },
        0,
        0,
      );
    });
    topic.nextOffsets[0] = queueOffset + 1;
    return physical;
  }

  /** `folded`, or the code with which the wait ended. */
  async outcome(): Promise<string> {
    return this.pipeline.whenFolded().then(
      () => 'folded',
      (error: unknown) => (isMqError(error) ? error.code : 'no MqError'),
    );
  }
}

const stage =
  (scene: Scene, body: (stage: Stage, world: World) => Promise<void>) => (): Promise<void> =>
    simulate(5, async (world) => {
      await body(await Stage.open(world, scene), world);
    });

describe('the commit pipeline', () => {
  it(
    'answers who appended once the record has taken effect, in order, and never before it is durable',
    stage({}, async (on) => {
      on.createTopic();
      expect(on.state.topics.get('t')).toBeUndefined();
      expect(await on.outcome()).toBe('folded');
      const answered: number[] = [];
      for (let i = 0; i < 20; i++) {
        on.message();
        const { endOffset } = on.log;
        void on.pipeline.whenFolded().then(() => {
          answered.push(i);
          expect(on.log.durableOffset).toBeGreaterThanOrEqual(endOffset);
          expect(on.end).toBeGreaterThan(i);
        });
      }
      expect(on.pipeline.unfoldedBytes).toBeGreaterThan(0);
      expect(await on.outcome()).toBe('folded');
      expect(answered).toEqual(Array.from({ length: 20 }, (_, i) => i));
      expect([on.end, on.pipeline.unfoldedBytes]).toEqual([20, 0]);
    }),
  );

  it(
    'does not tell of what has effect already when another one may be the master by now',
    stage({}, async (on) => {
      on.createTopic();
      expect(await on.outcome()).toBe('folded');
      on.mayAnswer = false;
      expect(await on.outcome()).toBe('no-master');
      on.mayAnswer = true;
      expect(await on.outcome()).toBe('folded');
    }),
  );

  it(
    'folds whole records up to the confirm offset, and no byte further',
    stage({ confirm: 'by hand' }, async (on, world) => {
      on.createTopic();
      const topicEnd = on.log.endOffset;
      await world.sleep(1_000);
      expect(on.state.foldedOffset).toBe(0);
      on.confirmed = topicEnd - 1;
      on.pipeline.advance();
      expect(on.state.topics.get('t')).toBeUndefined();
      on.confirmed = topicEnd;
      on.pipeline.advance();
      expect(on.topic.id).toBe(1);
      on.message();
      const second = on.message();
      await world.sleep(1_000);
      on.confirmed = second;
      on.pipeline.advance();
      expect(on.end).toBe(1);
    }),
  );

  it(
    'gives the event loop back in a long fold, and comes to its end by itself',
    stage({ confirm: 'by hand', log: { segmentBytes: 1 << 20 } }, async (on, world) => {
      on.createTopic();
      await world.sleep(100);
      on.confirmed = on.log.endOffset;
      on.pipeline.advance();
      for (let i = 0; i < 1_300; i++) on.message();
      await world.sleep(1_000);
      on.confirmed = on.log.endOffset;
      on.pipeline.advance();
      expect(on.end).toBe(512);
      await world.sleep(1);
      expect(on.end).toBe(1_300);
    }),
  );

  it(
    'says that the outcome is unknown when the disk fails first, and gives the queue offsets out again',
    stage({}, async (on, world) => {
      on.createTopic();
      await on.outcome();
      on.message();
      expect(await on.outcome()).toBe('folded');
      on.node.drive.injectNext('write', EIO);
      on.message();
      on.message();
      expect(on.topic.nextOffsets).toEqual([3]);
      expect(await on.outcome()).toBe('outcome-unknown');
      expect(on.topic.nextOffsets).toEqual([1]);
      expect(() => on.message()).toThrow(expect.objectContaining({ code: 'log-failed' }));
      expect(on.topic.nextOffsets).toEqual([1]);
      await on.log.reopen();
      on.message();
      expect(await on.outcome()).toBe('folded');
      await world.sleep(100);
      expect(on.end).toBe(2);
    }),
  );

  it(
    'keeps what was durable before the failure: those waiters are answered, their offsets stay taken',
    stage({ log: { batchBytesMax: 200 } }, async (on, world) => {
      on.createTopic();
      await on.outcome();
      const outcomes: Promise<string>[] = [];
      const { drive } = on.node;
      drive.inject({ operation: 'write', ordinal: drive.operationCount('write') + 4, fault: EIO });
      for (let i = 0; i < 12; i++) {
        on.message();
        outcomes.push(on.outcome());
      }
      const ended = await Promise.all(outcomes);
      const folded = ended.lastIndexOf('folded') + 1;
      expect(folded).toBeGreaterThan(0);
      expect(folded).toBeLessThan(12);
      expect(ended).toEqual(ended.map((_, i) => (i < folded ? 'folded' : 'outcome-unknown')));
      expect([on.end, on.topic.nextOffsets[0]]).toEqual([folded, folded]);
      await on.log.reopen();
      on.message();
      expect(await on.outcome()).toBe('folded');
      await world.sleep(10);
      expect(on.end).toBe(folded + 1);
    }),
  );

  it(
    'does not give offsets out again of records that are kept but not confirmed yet',
    stage({ confirm: 'by hand' }, async (on, world) => {
      on.createTopic();
      await world.sleep(100);
      on.confirmed = on.log.endOffset;
      on.pipeline.advance();
      on.message();
      on.message();
      const kept = on.outcome();
      await world.sleep(100);
      on.node.drive.injectNext('write', EIO);
      on.message();
      const lost = on.outcome();
      await world.sleep(100);
      expect(on.log.failure).toBeDefined();
      expect(await lost).toBe('outcome-unknown');
      expect([on.end, on.topic.nextOffsets[0]]).toEqual([0, 2]);
      on.confirmed = on.log.durableOffset;
      on.pipeline.advance();
      expect(await kept).toBe('folded');
      await on.log.reopen();
      on.message();
      await world.sleep(100);
      on.confirmed = on.log.endOffset;
      on.pipeline.advance();
      expect(on.end).toBe(3);
    }),
  );

  it(
    'refuses with log-full what finds no room, and takes more once the log has written',
    stage({ log: { pendingBytesMax: 2_000 } }, async (on) => {
      on.createTopic();
      await on.outcome();
      let taken = 0;
      expect(() => {
        for (; taken < 1_000; taken++) on.message();
      }).toThrow(expect.objectContaining({ code: 'log-full' }));
      expect(taken).toBeGreaterThan(5);
      expect(await on.outcome()).toBe('folded');
      on.message();
      expect(await on.outcome()).toBe('folded');
      expect(on.end).toBe(taken + 1);
    }),
  );
});

describe('the message reader', () => {
  /** Enough messages over several segments, their places, and a log that has none of them in memory. */
  const withCold = (
    body: (
      reader: MessageReader,
      places: { physical: number; bytes: number }[],
      on: Stage,
    ) => Promise<void>,
  ): (() => Promise<void>) =>
    stage({ log: { segmentBytes: 3_000, cacheBytes: 4_096 } }, async (on) => {
      on.createTopic();
      await on.outcome();
      const places: { physical: number; bytes: number }[] = [];
      for (let i = 0; i < 300; i++) {
        const physical = on.message();
        places.push({ physical, bytes: on.log.endOffset - physical });
        if (i % 20 === 0) await on.outcome();
      }
      await on.outcome();
      await on.log.close();
      const log = await openLog(on.node.environment, { segmentBytes: 3_000, cacheBytes: 4_096 });
      await body(new MessageReader(log), places, on);
    });

  it(
    'reads from disk what has left memory, in the order asked for, and neighbours in one read',
    withCold(async (reader, places, on) => {
      expect(reader.readSync(places.slice(0, 3))).toBeUndefined();
      const wanted = [250, 3, 4, 299, 5, 3].map((i) => required(places[i]));
      const before = on.node.drive.operationCount('read');
      const messages = await reader.read(wanted);
      expect(messages.map(({ headStart, buffer }) => buffer.readUIntBE(headStart - 26, 6))).toEqual(
        [250, 3, 4, 299, 5, 3],
      );
      const all = await reader.read(places.slice(0, 100));
      expect(all).toHaveLength(100);
      expect(on.node.drive.operationCount('read') - before).toBeLessThan(30);
    }),
  );

  it(
    'rejects when the disk fails, and says removed only of what retention has removed',
    withCold(async (reader, places, on) => {
      const first = required(places[0]);
      on.node.drive.injectNext('read', EIO);
      await expect(reader.read([first])).rejects.toMatchObject({ kind: 'io' });
      on.node.drive.injectNext('read', EIO);
      await expect(reader.isRemoved(first)).rejects.toMatchObject({ kind: 'io' });
      expect(await reader.isRemoved(first)).toBe(false);
    }),
  );

  it(
    'rejects a message whose bytes have been damaged',
    withCold(async (reader, places, on) => {
      const place = required(places[2]);
      on.node.drive.corrupt('/data/commitlog/00000000000000000000.log', place.physical + 50);
      await expect(reader.read([place])).rejects.toMatchObject({ kind: 'corrupt' });
    }),
  );

  it('says removed of what lies before the start of the log', () =>
    simulate(1, async (world) => {
      const on = await Stage.open(world, { log: { segmentBytes: 1_000 } });
      on.createTopic();
      await on.outcome();
      const first = on.message();
      const bytes = on.log.endOffset - first;
      for (let i = 0; i < 60; i++) {
        on.message();
        await on.outcome();
      }
      const last = on.log.segments().at(-1);
      await on.log.deleteSegmentsBefore(required(last).startOffset);
      const reader = new MessageReader(on.log);
      expect(await reader.isRemoved({ physical: first, bytes })).toBe(true);
      expect(await reader.recordIfKept({ physical: first, bytes })).toBeUndefined();
    }));
});
