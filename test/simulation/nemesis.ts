import { SOUND_DISK } from './disk-faults.ts';
import type { FaultPlan } from './fault-plan.ts';
import { SOUND_NETWORK } from './sim-network.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

/** Mean time for which a node stays down, or stopped. */
const OUTAGE_MEAN_MS = 300;

/**
 * Carries out the crashes and partitions of a plan, on all nodes of a world, while a scenario goes about its work: the
 * safety phase, in which anything may break and nothing acknowledged may be lost. `heal` begins the liveness phase, in
 * which nothing breaks any more and the scenario can demand that everything converges.
 */
export class Nemesis {
  readonly #world: World;
  readonly #plan: FaultPlan;
  readonly #boot: (node: SimNode) => void;
  readonly #random;
  #isActive = true;

  /** `boot` starts the node's program on its new environment. */
  constructor(world: World, plan: FaultPlan, boot: (node: SimNode) => void) {
    this.#world = world;
    this.#plan = plan;
    this.#boot = boot;
    this.#random = world.random.fork('nemesis');
    this.#again('nemesis outage', plan.crashIntervalMeanMs, () => this.#strikeNode());
    this.#again('nemesis partition', plan.partitionIntervalMeanMs, () => this.#strikeNetwork());
  }

  /** Everything works from now on: faults off, ways open, nodes up. */
  heal(): void {
    this.#isActive = false;
    this.#world.network.faults = SOUND_NETWORK;
    this.#world.network.heal();
    for (const node of this.#world.nodes) {
      node.drive.faults = SOUND_DISK;
      node.drive.clearInjections();
      this.#revive(node);
    }
  }

  #strikeNode(): void {
    const node = this.#random.pick(this.#world.nodes);
    if (!node.isAlive || node.process.isStopped) return;
    const outage = this.#random.pick(['crash', 'kill', 'stop'] as const);
    if (outage === 'stop') node.process.stop();
    else node[outage]();
    this.#after('nemesis revival', OUTAGE_MEAN_MS, () => this.#revive(node));
  }

  #strikeNetwork(): void {
    const names = this.#world.nodes.map(({ name }) => name);
    const [a, b] = [this.#random.pick(names), this.#random.pick(names)];
    if (a !== b && this.#random.chance(0.5)) this.#world.network.block(a, b);
    else this.#world.network.isolate(a);
    const meanMs = this.#plan.partitionDurationMeanMs;
    this.#after('nemesis heals network', meanMs, () => this.#world.network.heal());
  }

  #revive(node: SimNode): void {
    if (node.process.isStopped) node.process.continue();
    if (node.isAlive) return;
    node.restart();
    this.#boot(node);
  }

  #again(label: string, meanMs: number, strike: () => void): void {
    if (meanMs === Infinity) return;
    this.#after(label, meanMs, () => {
      strike();
      this.#again(label, meanMs, strike);
    });
  }

  #after(label: string, meanMs: number, run: () => void): void {
    this.#world.scheduler.schedule(this.#random.exponential(meanMs), label, () => {
      if (this.#isActive) run();
    });
  }
}
