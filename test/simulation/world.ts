import { AmbientGuard } from './ambient-guard.ts';
import { SOUND_DISK } from './disk-faults.ts';
import { drawClockSkew, type FaultPlan } from './fault-plan.ts';
import { Scheduler, type RunLimits } from './scheduler.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimNetwork } from './sim-network.ts';
import { SimNode, type NodeOptions } from './sim-node.ts';

const SOUND_NODE: NodeOptions = {
  skew: { wallOffsetMs: 0, drift: 0 },
  timerLatenessMeanMs: 0,
  diskFaults: SOUND_DISK,
  diskCapacityBytes: 2 ** 40,
};

/** A simulated world: machines and a network on one scheduler, all of whose chance comes from one seed. */
export class World {
  readonly seed: number;
  readonly random: SeededRandom;
  readonly scheduler = new Scheduler();
  readonly network: SimNetwork;
  readonly #nodes = new Map<string, SimNode>();
  #plan: FaultPlan | undefined;

  constructor(seed: number) {
    this.seed = seed;
    this.random = new SeededRandom(seed);
    this.network = new SimNetwork(this.scheduler, this.random.fork('network'));
  }

  get nodes(): SimNode[] {
    return [...this.#nodes.values()];
  }

  /** Sets the network's faults, and those of nodes added from now on. Without a plan everything is sound. */
  useFaultPlan(plan: FaultPlan): void {
    this.#plan = plan;
    this.network.faults = plan.network;
  }

  addNode(name: string, options: Partial<NodeOptions> = {}): SimNode {
    if (this.#nodes.has(name)) throw new RangeError(`there is a node ${name} already`);
    const random = this.random.fork(`node ${name}`);
    const all = { ...SOUND_NODE, ...this.#plannedOptions(random), ...options };
    const node = new SimNode(name, this.network, random, all);
    this.#nodes.set(name, node);
    return node;
  }

  /**
   * Lets the world go on until `body` has ended. Inside, real time and real randomness are refused (`AmbientGuard`).
   */
  async run<T>(body: () => Promise<T>, limits?: RunLimits): Promise<T> {
    const guard = new AmbientGuard();
    const endCheck = this.scheduler.addCheck(() => guard.check());
    guard.install();
    try {
      const result = await this.scheduler.runUntil(body(), limits);
      guard.check();
      return result;
    } catch (error) {
      throw withStory(error, this.#story());
    } finally {
      guard.uninstall();
      endCheck();
    }
  }

  /** Virtual time passes; for use inside `run`. */
  sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.scheduler.schedule(durationMs, 'world sleep', resolve);
    });
  }

  #story(): string {
    const { nowMs, eventCount } = this.scheduler;
    const events = this.scheduler.recentEvents().slice(-STORY_EVENT_COUNT);
    return [
      `seed ${this.seed}, ${nowMs} ms of virtual time, ${eventCount} events`,
      `faults ${this.#plan === undefined ? 'none' : JSON.stringify(this.#plan)}`,
      ...events.map((event) => `  ${event}`),
    ].join('\n');
  }

  #plannedOptions(random: SeededRandom): Partial<NodeOptions> {
    if (this.#plan === undefined) return {};
    return {
      skew: drawClockSkew(this.#plan, random.fork('clock')),
      timerLatenessMeanMs: this.#plan.timerLatenessMeanMs,
      diskFaults: this.#plan.disk,
    };
  }
}

/** Events told with a failure. */
const STORY_EVENT_COUNT = 40;

/** The error itself, so that its code stays, with what led to it as `story`. */
function withStory(error: unknown, story: string): unknown {
  if (typeof error === 'object' && error !== null) {
    Object.defineProperty(error, 'story', { value: story, configurable: true });
  }
  return error;
}

/** Runs `body` in a world of its own. The usual way to test a component over a simulated disk and clock. */
export async function simulate<T>(
  seed: number,
  body: (world: World) => Promise<T>,
  limits?: RunLimits,
): Promise<T> {
  const world = new World(seed);
  return world.run(() => body(world), limits);
}
