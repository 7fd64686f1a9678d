import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SOUND_DISK, type DiskFaults } from '../../../../simulation/disk-faults.ts';
import { simulate } from '../../../../simulation/world.ts';
import { IndexStory } from './index-story.ts';

const seeds = fc.integer({ min: 1, max: 2 ** 31 - 1 });

/** A random life of an index; the story asserts that it equals its model after every restart and at the end. */
async function live(seed: number, faults: Partial<DiskFaults>): Promise<IndexStory> {
  return simulate(seed, async (world) => {
    const node = world.addNode('a', { diskFaults: SOUND_DISK });
    const story = new IndexStory(node, world.random.fork('story'), { writeRetryMs: 5 });
    const random = world.random.fork('choices');
    await story.open();
    for (let step = 0; step < 60; step++) {
      node.drive.faults = { ...SOUND_DISK, ...faults };
      story.write(random.below(80));
      const choice = random.float();
      if (choice < 0.2) await story.snapshot();
      else if (choice < 0.45) await story.index.flush();
      else if (choice < 0.6) await world.sleep(random.below(300));
      node.drive.faults = SOUND_DISK;
      if (choice > 0.9) await story.crash();
      else if (choice > 0.8) await story.retain();
      if (choice > 0.7) await story.check();
    }
    await story.crash();
    await story.check();
    return story;
  });
}

describe('QueueIndex: a life among writes, snapshots, retention, removals and crashes', () => {
  it('equals plain arrays after every restart', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const story = await live(seed, {});
        expect(story.rebuilds).toBe(0);
        expect(story.fallbacks).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it('equals plain arrays when writes and syncs fail now and then, and the disk is full', async () => {
    const faults = {
      writeErrorProbability: 0.1,
      noSpaceProbability: 0.1,
      syncErrorProbability: 0.2,
    };
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const story = await live(seed, faults);
        expect(story.fallbacks).toBe(0);
      }),
      // 776176073: the log was cut on the strength of a snapshot whose rename was not durable.
      { numRuns: 30, examples: [[776176073]] },
    );
  });
});
