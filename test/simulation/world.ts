import { SOUND_DISK } from './disk-faults.ts';
import { Scheduler } from './scheduler.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimNode, type NodeOptions } from './sim-node.ts';

const DEFAULT_NODE: NodeOptions = {
  skew: { wallOffsetMs: 0, drift: 0 },
  timerLatenessMeanMs: 0,
  diskFaults: SOUND_DISK,
  diskCapacityBytes: 2 ** 40,
};

/** A simulated world: machines on one scheduler, all of whose chance comes from one seed. */
export class World {
  readonly seed: number;
  readonly random: SeededRandom;
  readonly scheduler = new Scheduler();
  readonly #nodes = new Map<string, SimNode>();

  constructor(seed: number) {
    this.seed = seed;
    this.random = new SeededRandom(seed);
  }

  get nodes(): SimNode[] {
    return [...this.#nodes.values()];
  }

  addNode(name: string, options: Partial<NodeOptions> = {}): SimNode {
    if (this.#nodes.has(name)) throw new RangeError(`there is a node ${name} already`);
    const random = this.random.fork(`node ${name}`);
    const node = new SimNode(name, this.scheduler, random, { ...DEFAULT_NODE, ...options });
    this.#nodes.set(name, node);
    return node;
  }

  /** Lets the world go on until `body` has ended. */
  run<T>(body: () => Promise<T>): Promise<T> {
    return this.scheduler.runUntil(body());
  }

  /** Virtual time passes; for use inside `run`. */
  sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.scheduler.schedule(durationMs, 'world sleep', resolve);
    });
  }
}

/** Runs `body` in a world of its own. The usual way to test a component over a simulated disk and clock. */
export async function simulate<T>(seed: number, body: (world: World) => Promise<T>): Promise<T> {
  const world = new World(seed);
  return world.run(() => body(world));
}
