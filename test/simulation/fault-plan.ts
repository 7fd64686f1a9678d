import type { DiskFaults } from './disk-faults.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { ClockSkew } from './sim-clock.ts';
import type { NetworkFaults } from './sim-network.ts';

/** Everything that may go wrong in one run. */
export interface FaultPlan {
  disk: DiskFaults;
  network: NetworkFaults;
  clock: { wallOffsetMaxMs: number; driftMax: number };
  timerLatenessMeanMs: number;
  /** Mean virtual time between crashes of a node; Infinity for none. Carried out by `Nemesis`. */
  crashIntervalMeanMs: number;
  /** Mean virtual time between partitions, and how long one lasts; Infinity for none. Carried out by `Nemesis`. */
  partitionIntervalMeanMs: number;
  partitionDurationMeanMs: number;
}

/**
 * Draws a plan in swarm style: each fault is switched off altogether in half of the seeds. A run with every fault at once
 * seldom gets far enough to show what one fault alone would break.
 */
export function drawFaultPlan(random: SeededRandom): FaultPlan {
  const sometimes = (value: number): number => (random.chance(0.5) ? value : 0);
  const interval = (meanMs: number): number => (random.chance(0.5) ? meanMs : Infinity);
  return {
    disk: {
      latencyMeanMs: random.pick([0.01, 0.1, 1]),
      slowProbability: sometimes(random.between(0, 0.01)),
      slowMs: random.between(10, 2_000),
      readErrorProbability: sometimes(random.between(0, 0.005)),
      writeErrorProbability: sometimes(random.between(0, 0.01)),
      noSpaceProbability: sometimes(random.between(0, 0.01)),
      syncErrorProbability: sometimes(random.between(0, 0.02)),
      bitFlipProbability: sometimes(random.between(0, 0.005)),
      crashLoss: {
        lossProbability: random.pick([0, 0.1, 0.5, 0.9, 1]),
        exposesGarbage: random.chance(0.3),
      },
      nameLoss: random.pick(['suffix', 'subset'] as const),
    },
    network: {
      delayMinMs: random.between(0.05, 0.5),
      delayMeanMs: random.pick([0.1, 1, 10]),
      lossProbability: sometimes(random.between(0, 0.05)),
      duplicateProbability: sometimes(random.between(0, 0.05)),
      slowProbability: sometimes(random.between(0, 0.02)),
      slowMs: random.between(10, 1_000),
    },
    clock: {
      wallOffsetMaxMs: sometimes(random.pick([10, 1_000, 60_000])),
      driftMax: sometimes(random.pick([1e-5, 1e-4, 1e-3])),
    },
    timerLatenessMeanMs: random.pick([0, 0.5, 5]),
    crashIntervalMeanMs: interval(random.between(200, 20_000)),
    partitionIntervalMeanMs: interval(random.between(1_000, 30_000)),
    partitionDurationMeanMs: random.between(100, 20_000),
  };
}

/** How wrong one node's clock is under a plan. */
export function drawClockSkew(plan: FaultPlan, random: SeededRandom): ClockSkew {
  const { wallOffsetMaxMs, driftMax } = plan.clock;
  return {
    wallOffsetMs: Math.round(random.between(-wallOffsetMaxMs, wallOffsetMaxMs)),
    drift: random.between(-driftMax, driftMax),
  };
}
