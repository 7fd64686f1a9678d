import type { ProcessWitness } from '../../../operator/failover/process-witness.ts';
import type { SimProcess } from '../event-queue.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { World } from '../world.ts';

interface Run {
  readonly runId: string;
  readonly process: SimProcess;
  /** When it can be known that it has ended. */
  knownMs: number | undefined;
}

/** Knows which runs of members are over, a while after they are; sometimes it cannot look. */
export class SimWitness implements ProcessWitness {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #delayMeanMs: number;
  readonly #runs = new Map<string, Run[]>();

  /** Infinity: it never knows anything. */
  constructor(world: World, delayMeanMs: number) {
    this.#world = world;
    this.#random = world.random.fork('witness');
    this.#delayMeanMs = delayMeanMs;
  }

  started(member: string, runId: string, process: SimProcess): void {
    const runs = this.#runs.get(member) ?? [];
    this.#runs.set(member, [...runs, { runId, process, knownMs: undefined }]);
  }

  async endedRuns(_brokerName: string, memberName: string): Promise<readonly string[]> {
    if (this.#random.chance(0.05)) throw new Error('the witness cannot look');
    if (this.#delayMeanMs === Infinity) return [];
    const { nowMs } = this.#world.scheduler;
    const ended = (this.#runs.get(memberName) ?? []).filter((run) => {
      if (run.process.isAlive) return false;
      run.knownMs ??= nowMs + this.#random.exponential(this.#delayMeanMs);
      return run.knownMs <= nowMs;
    });
    return ended.map(({ runId }) => runId);
  }
}
