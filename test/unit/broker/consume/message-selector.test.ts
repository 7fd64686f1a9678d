import { describe, expect, it } from '@jest/globals';
import { parseTagFilter, type TagFilter } from '../../../../broker/consume/core/tag-filter.ts';
import { GroupRuntime } from '../../../../broker/consume/group-runtime.ts';
import {
  MessageSelector,
  type Selection,
  type SelectionRequest,
} from '../../../../broker/consume/message-selector.ts';
import type { GroupTopic } from '../../../../broker/state/group-table.ts';
import { tagHash } from '../../../../broker/state/hash.ts';
import { encodeChange } from '../../../../broker/state/payload/change-record.ts';
import type { Topic } from '../../../../broker/state/topic-table.ts';
import { intact } from '../../../../broker/store/index/index-damage.ts';
import { EntryBatch } from '../../../../broker/store/index/core/entry-batch.ts';
import { RecordType } from '../../../../broker/store/record-type.ts';
import { simulate, type World } from '../../../simulation/world.ts';
import { openState, StateStory } from '../state/state-kit.ts';

const UNBOUNDED = { maxInflightPerQueue: 1e9, maxInflightPerGroup: 1e9 };

class Stage {
  readonly story: StateStory;
  readonly topic: Topic;
  readonly standing: GroupTopic;
  readonly runtime: GroupRuntime;
  readonly selector: MessageSelector;
  /** How often the group said that a limit holds something back. */
  heldBack = 0;

  constructor(story: StateStory, { queues, filters, limits }: Scene) {
    this.story = story;
    this.topic = story.topic('t', queues);
    this.standing = story.standing('g', this.topic, filters);
    this.runtime = new GroupRuntime(this.standing, () => this.heldBack++);
    this.selector = new MessageSelector(story.state, { ...UNBOUNDED, ...limits });
  }

  fill(counts: readonly number[], tag = ''): void {
    counts.forEach((count, queueId) => {
      for (let i = 0; i < count; i++) this.story.entry(this.topic, queueId, tag);
    });
  }

  ask(changes: Partial<SelectionRequest> & { tags?: string } = {}): Selection {
    return this.selector.select({
      runtime: this.runtime,
      filter: filterOf(changes.tags ?? '*'),
      queueId: -1,
      count: 32,
      bytesMax: 1e9,
      ...changes,
    });
  }

  /** `queue/offset` of what is selected. */
  take(changes: Parameters<Stage['ask']>[0] = {}): string[] {
    return this.ask(changes).messages.map(
      ({ pending }) => `${pending.progress.queueId}/${pending.offset}`,
    );
  }
}

interface Scene {
  queues: number;
  filters?: string[];
  limits?: Partial<typeof UNBOUNDED>;
  index?: Parameters<typeof openState>[1];
}

const stage =
  (scene: Scene, body: (stage: Stage, world: World) => void | Promise<void>) => (): Promise<void> =>
    simulate(3, async (world) => {
      const state = await openState(world.addNode('b').environment, scene.index);
      await body(new Stage(new StateStory(state), scene), world);
      await state.index.close();
    });

function filterOf(expression: string): TagFilter {
  const filter = parseTagFilter(expression, tagHash);
  if ('refused' in filter) throw new Error(filter.refused);
  return filter;
}

describe('a selection', () => {
  it(
    'gives every queue its turn, however much stands in the first',
    stage({ queues: 3 }, (on) => {
      on.fill([1_000, 2, 2]);
      const rounds = Array.from({ length: 6 }, () => on.take({ count: 1 })[0]);
      expect(rounds).toEqual(['0/0', '1/0', '2/0', '0/1', '1/1', '2/1']);
    }),
  );

  it(
    'goes on in other queues when one has not enough',
    stage({ queues: 3 }, (on) => {
      on.fill([2, 0, 3]);
      expect(on.take({ count: 4 })).toEqual(['0/0', '0/1', '2/0', '2/1']);
    }),
  );

  it(
    'of one queue leaves the others alone',
    stage({ queues: 3 }, (on) => {
      on.fill([3, 3, 3]);
      expect(on.take({ queueId: 1 })).toEqual(['1/0', '1/1', '1/2']);
      expect(on.take({ queueId: 1 })).toEqual([]);
    }),
  );

  it(
    'ends with the message that passes the bound of bytes, and has one however large',
    stage({ queues: 2 }, (on) => {
      on.fill([5, 5]);
      expect(on.take({ bytesMax: 250 })).toHaveLength(3);
      on.story.entry(on.topic, 0, '', 5_000_000);
      expect(on.take({ queueId: 0, count: 2 })).toHaveLength(2);
      expect(on.take({ bytesMax: 1, queueId: 0 })).toHaveLength(1);
    }),
  );

  it(
    'never has a message twice, and all of them in the end',
    stage({ queues: 4 }, (on, { random }) => {
      on.fill([40, 0, 25, 60]);
      const taken: string[] = [];
      for (let i = 0; i < 200; i++) taken.push(...on.take({ count: 1 + random.below(7) }));
      expect(taken).toHaveLength(125);
      expect(new Set(taken).size).toBe(125);
    }),
  );
});

describe('the limit of what is in flight', () => {
  it(
    'holds one queue back and not the others, until something is finished',
    stage({ queues: 2, limits: { maxInflightPerQueue: 3 } }, (on) => {
      on.fill([10, 10]);
      expect(on.take()).toEqual(['0/0', '0/1', '0/2', '1/0', '1/1', '1/2']);
      expect(on.take()).toEqual([]);
      expect(on.heldBack).toBeGreaterThan(0);
      on.standing.queues[1]?.finish(1);
      expect(on.take()).toEqual(['1/3']);
    }),
  );

  it(
    'holds a whole group back',
    stage({ queues: 3, limits: { maxInflightPerGroup: 5 } }, (on) => {
      on.fill([3, 3, 3]);
      expect(on.take()).toHaveLength(5);
      expect(on.take()).toEqual([]);
      on.standing.queues[0]?.finish(0);
      expect(on.take()).toHaveLength(1);
    }),
  );

  it(
    'does not hold back what is in flight already and ready again',
    stage({ queues: 1, limits: { maxInflightPerQueue: 2 } }, (on) => {
      on.fill([5]);
      const [first] = on.ask().messages;
      on.standing.queues[0]?.makeReady(first!.pending);
      expect(on.take()).toEqual(['0/0']);
      expect(on.take()).toEqual([]);
    }),
  );

  it(
    'is not spoken of when there is nothing to hold back',
    stage({ queues: 1 }, (on) => {
      on.fill([3]);
      on.take();
      on.take();
      expect(on.heldBack).toBe(0);
    }),
  );

  it(
    'of the spread: nobody runs more than four million messages ahead of the slowest one',
    stage({ queues: 1 }, (on) => {
      on.fill([3]);
      const queue = on.standing.queues[0]!;
      on.story.state.index.setMinOffset(queue.queueNo, 4 * 1024 * 1024 + 10);
      queue.begin(0);
      on.fill([5]);
      expect(on.take()).toEqual([]);
      expect(on.heldBack).toBe(1);
      queue.finish(0);
      expect(on.take()).toHaveLength(5);
    }),
  );
});

describe('the filters of a group', () => {
  it(
    'pass by what no member wants, and keep for the others what one passes by',
    stage({ queues: 1, filters: ['A', 'B'] }, (on) => {
      for (const tag of ['A', 'X', 'B', 'A', '']) on.story.entry(on.topic, 0, tag);
      expect(on.take({ tags: 'A' })).toEqual(['0/0', '0/3']);
      const queue = on.standing.queues[0]!;
      expect([0, 1, 2, 3, 4].map((at) => queue.isDone(at))).toEqual([
        false,
        true,
        false,
        false,
        true,
      ]);
      expect(on.take({ tags: 'B' })).toEqual(['0/2']);
    }),
  );

  it(
    'apply to what is ready again as well',
    stage({ queues: 1, filters: ['A', 'B'] }, (on) => {
      for (const tag of ['A', 'B']) on.story.entry(on.topic, 0, tag);
      const queue = on.standing.queues[0]!;
      for (const { pending } of [
        ...on.ask({ tags: 'A' }).messages,
        ...on.ask({ tags: 'B' }).messages,
      ])
        queue.makeReady(pending);
      expect(on.take({ tags: 'B' })).toEqual(['0/1']);
      expect(on.take({ tags: 'A' })).toEqual(['0/0']);
    }),
  );

  it(
    'let go of a message that is ready again when nobody wants its tag any more',
    stage({ queues: 1, filters: ['A', 'B'] }, (on) => {
      for (const tag of ['A', 'B', 'B']) on.story.entry(on.topic, 0, tag);
      const queue = on.standing.queues[0]!;
      for (const { pending } of on.ask({ tags: 'A' }).messages) queue.makeReady(pending);
      const change = { groupId: on.standing.group.id, topic: 't', filterKey: 'A', dropped: true };
      on.story.fold(RecordType.Subscription, encodeChange(change));
      expect(on.take({ tags: 'B' })).toEqual(['0/1', '0/2']);
      queue.finish(1);
      queue.finish(2);
      expect([queue.committed, queue.pendingCount]).toEqual([3, 0]);
    }),
  );

  it(
    'that refuse very many messages give the turn back in between',
    stage({ queues: 1, filters: ['A'] }, (on) => {
      on.fill([20_000], 'X');
      on.story.entry(on.topic, 0, 'A');
      const kinds: string[] = [];
      for (;;) {
        const selection = on.ask({ tags: 'A' });
        kinds.push(selection.kind);
        if (selection.kind === 'selected') {
          expect(selection.messages.map(({ pending }) => pending.offset)).toEqual([20_000]);
          break;
        }
      }
      expect(kinds).toEqual(['more', 'more', 'selected']);
    }),
  );
});

describe('a page of the index that is not in memory', () => {
  it(
    'is named, what was found before it is kept, and the selection goes on once it is loaded',
    stage(
      { queues: 1, index: { indexBufferBytes: 4_096, pageCacheBytes: 2_048 } },
      async (on, world) => {
        const taken: string[] = [];
        let loads = 0;
        for (let i = 0; i < 30; i++) {
          on.fill([50]);
          await world.sleep(50);
        }
        for (let round = 0; taken.length < 1_500 && round < 2_000; round++) {
          const selection = on.ask();
          taken.push(...selection.messages.map(({ pending }) => `${pending.offset}`));
          if (selection.kind !== 'disk') continue;
          loads++;
          const { queueNo, from } = selection;
          intact(await on.story.state.index.read(queueNo, from, 64, new EntryBatch(64)));
        }
        expect(taken).toEqual(Array.from({ length: 1_500 }, (_, i) => `${i}`));
        expect(loads).toBeGreaterThan(10);
      },
    ),
  );
});
