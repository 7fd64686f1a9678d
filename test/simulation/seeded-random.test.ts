import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from './seeded-random.ts';

describe('SeededRandom', () => {
  it('yields the same for one seed and something else for another', () => {
    const draw = (seed: number): string => new SeededRandom(seed).bytes(64).toString('hex');
    expect(draw(1)).toBe(draw(1));
    expect(new Set(Array.from({ length: 500 }, (_, seed) => draw(seed))).size).toBe(500);
  });

  it('gives forks that do not depend on what else was drawn', () => {
    const a = new SeededRandom(5);
    const b = new SeededRandom(5);
    b.uint32();
    expect(a.fork('x').uint32()).toBe(b.fork('x').uint32());
    expect(a.fork('x').uint32()).not.toBe(a.fork('y').uint32());
  });

  it('is about uniform', () => {
    const random = new SeededRandom(42);
    const counts = new Array<number>(16).fill(0);
    for (let i = 0; i < 160_000; i++) counts[random.below(16)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    let sum = 0;
    for (let i = 0; i < 100_000; i++) sum += random.exponential(10);
    expect(sum / 100_000).toBeCloseTo(10, 0);
  });

  it('never happens with probability 0 and always with 1', () => {
    const random = new SeededRandom(3);
    for (let i = 0; i < 1_000; i++) {
      expect(random.chance(0)).toBe(false);
      expect(random.chance(1)).toBe(true);
    }
  });
});
