import { SOUND_DISK } from '../disk-faults.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { SOUND_NETWORK } from '../sim-network.ts';
import type { SimNode } from '../sim-node.ts';
import type { World } from '../world.ts';
import type { ClusterPlan } from './cluster-plan.ts';
import { ClusterPlots, type StoredScene } from './cluster-plots.ts';
import type { GroupStoreNode } from './group-store-node.ts';

/** Some strikes last so many times as long as the others: longer than every expiry. */
const LONG = 6;
/** Disk operations after which a member may lose its power: within some milliseconds. */
const CRASH_OPERATIONS = 60;

export interface NemesisTargets {
  readonly store: GroupStoreNode;
  /** Name of a group's present master, as far as anybody can say. */
  masterOf(group: string): string | undefined;
  boot(node: SimNode): void;
  /** Somebody asks the controllers for a switchover, a fence … */
  administer(random: SeededRandom): void;
  /** The same, of all controllers, for one member. */
  fence(member: string, isFenced: boolean): void;
}

/**
 * Breaks what the plan says, for as long as the safety phase lasts; `heal` ends it. Every strike is taken back by itself
 * after a while, so that there is always something new to break.
 */
export class ClusterNemesis {
  readonly #world: World;
  readonly #plan: ClusterPlan;
  readonly #targets: NemesisTargets;
  readonly #random: SeededRandom;
  readonly #members: readonly string[];
  readonly #plots: ClusterPlots;
  #isActive = true;
  strikes = 0;

  constructor(world: World, plan: ClusterPlan, targets: NemesisTargets) {
    this.#world = world;
    this.#plan = plan;
    this.#targets = targets;
    this.#random = world.random.fork('nemesis');
    this.#members = plan.groups.flatMap(({ members }) => members);
    this.#plots = this.#plotsOf();
    const { nemesis } = plan;
    this.#again('outage', nemesis.outageMeanMs, () => this.#outage());
    this.#again('partition', nemesis.partitionMeanMs, () => this.#partition());
    this.#again('storm', nemesis.stormMeanMs, () => this.#storm());
    this.#again('disk', nemesis.diskMeanMs, () => this.#disk());
    this.#again('clock', nemesis.clockMeanMs, () => this.#clock());
    this.#again('store', nemesis.storeMeanMs, () => this.#store());
    this.#targets.store.onSwap = (group, text) => {
      if (!this.#isActive) return;
      if (nemesis.plotMeanMs !== Infinity)
        this.#plots.stored(group, JSON.parse(text) as StoredScene);
      if (this.#random.chance(nemesis.decisiveProbability)) this.#decisive(group);
    };
    this.#again('administration', nemesis.administrationMeanMs, () => {
      this.#targets.administer(this.#random);
    });
    this.#again('plot', nemesis.plotMeanMs, () => {
      const plot = this.#random.pick(nemesis.plots);
      this.#note(`plot ${plot}`);
      this.#plots.play(plot, this.#random.pick(plan.groups).name);
    });
  }

  #plotsOf(): ClusterPlots {
    const { network, scheduler } = this.#world;
    const each = (
      sideA: readonly string[],
      sideB: readonly string[],
      run: (a: string, b: string) => void,
    ): void => {
      for (const a of sideA) for (const b of sideB) run(a, b);
    };
    return new ClusterPlots({
      plan: this.#plan,
      random: this.#random.fork('plots'),
      masterOf: (group) => this.#targets.masterOf(group),
      block: (from, to) => each(from, to, (a, b) => network.block(a, b)),
      cut: (sideA, sideB) => network.partition(sideA, sideB),
      join: (sideA, sideB) =>
        each(sideA, sideB, (a, b) => {
          network.unblock(a, b);
          network.unblock(b, a);
        }),
      after: (delayMs, run) => {
        scheduler.schedule(delayMs, 'plot', () => {
          if (this.#isActive) run();
        });
      },
      kill: (name) => {
        if (this.#node(name).isAlive) this.#node(name).kill();
      },
      revive: (name) => this.#revive(this.#node(name)),
      fence: (member, isFenced) => this.#targets.fence(member, isFenced),
    });
  }

  /** Everything works from now on: faults off, ways open, nodes up. */
  heal(): void {
    this.#isActive = false;
    this.#world.network.faults = SOUND_NETWORK;
    this.#world.network.heal();
    this.#targets.store.behaviour = 'sound';
    for (const node of this.#world.nodes) {
      node.drive.faults = { ...SOUND_DISK, latencyMeanMs: 0.05 };
      node.drive.capacityBytes = 2 ** 40;
      node.drive.clearInjections();
      this.#revive(node);
    }
  }

  #outage(): void {
    const random = this.#random;
    const { nameServers, controllers, groups } = this.#plan;
    const choice = random.float();
    if (choice < 0.05) this.#strikeAll(nameServers);
    else if (choice < 0.09) this.#strikeAll(controllers);
    else if (choice < 0.13) this.#strikeAll(random.pick(groups).members);
    else if (choice < 0.23) this.#strikeNode(random.pick(nameServers));
    else if (choice < 0.35) this.#strikeNode(random.pick(controllers));
    else if (choice < 0.65) this.#strikeNode(this.#master() ?? random.pick(this.#members));
    else this.#strikeNode(random.pick(this.#members));
  }

  #strikeAll(names: readonly string[]): void {
    const kind = this.#outageKind();
    for (const name of names) this.#strikeNode(name, kind);
  }

  #strikeNode(name: string, kind = this.#outageKind()): void {
    const node = this.#node(name);
    if (!node.isAlive || node.process.isStopped) return;
    this.#note(`${kind} ${name}`);
    if (kind === 'stop') node.process.stop();
    else if (kind === 'kill') node.kill();
    else if (kind === 'crash') node.crash();
    else {
      this.#crashAtOperation(node);
      return;
    }
    this.#reviveLater(node);
  }

  #crashAtOperation(node: SimNode): void {
    let left = 1 + this.#random.below(CRASH_OPERATIONS);
    const stop = node.drive.onOperation(() => {
      left--;
      if (left > 0 || !this.#isActive) return;
      stop();
      node.crash();
      this.#reviveLater(node);
    });
    node.onDeath(stop);
  }

  #outageKind(): 'stop' | 'kill' | 'crash' | 'crash-at-operation' {
    const kinds = this.#plan.nemesis.isPowerLossAllowed
      ? (['stop', 'kill', 'crash', 'crash-at-operation'] as const)
      : (['stop', 'kill', 'kill'] as const);
    return this.#random.pick(kinds);
  }

  #partition(): void {
    const random = this.#random;
    const all = this.#world.nodes.map(({ name }) => name);
    const victim = random.chance(0.5) ? this.#master() : undefined;
    const one = victim ?? random.pick(all);
    const others = all.filter((name) => name !== one);
    switch (random.below(6)) {
      case 0:
        this.#cut([one], others, 'both');
        break;
      case 1:
        this.#cut([one], others, random.pick(['in', 'out'] as const));
        break;
      case 2:
        this.#cut([one], this.#plan.nameServers, random.pick(['both', 'in', 'out'] as const));
        break;
      case 3:
        this.#cut([one], this.#members, random.pick(['both', 'in', 'out'] as const));
        break;
      case 4: {
        const side = all.filter(() => random.chance(0.5));
        const rest = all.filter((name) => !side.includes(name));
        this.#cut(side, rest, random.pick(['both', 'both', 'in'] as const));
        break;
      }
      default:
        this.#cut([one], [random.pick(others)], random.pick(['both', 'in', 'out'] as const));
    }
  }

  /** `out`: nothing gets from side a to side b. */
  #cut(
    sideA: readonly string[],
    sideB: readonly string[],
    ways: 'both' | 'in' | 'out',
    times = 1,
  ): void {
    const { network } = this.#world;
    this.#note(`cut ${ways} ${sideA.join()} from ${sideB.join()}`);
    const pairs = sideA.flatMap((a) => sideB.filter((b) => b !== a).map((b) => [a, b] as const));
    for (const [a, b] of pairs) {
      if (ways !== 'in') network.block(a, b);
      if (ways !== 'out') network.block(b, a);
    }
    this.#later(
      'reconnect',
      () => {
        for (const [a, b] of pairs) {
          network.unblock(a, b);
          network.unblock(b, a);
        }
      },
      times,
    );
  }

  /** Something was just stored: now and then exactly those who should hear of it do not. */
  #decisive(group: string): void {
    const random = this.#random;
    const { controllers, groups, nameServers } = this.#plan;
    const members = groups.find(({ name }) => name === group)?.members ?? [];
    const master = this.#targets.masterOf(group) ?? random.pick(members);
    const others = members.filter((name) => name !== master);
    const slave = random.pick(others);
    const moves: (() => void)[] = [
      () => this.#strikeNode(master),
      () => this.#strikeNode(slave),
      () => this.#strikeNode(random.pick(controllers)),
      () => this.#cut([master], controllers, 'both'),
      () => this.#cut([master], [...controllers, ...nameServers], 'both'),
      () => this.#cut([master], others, 'both'),
      () => this.#cut([master], [slave, ...controllers], 'both'),
      // Clients still reach it, and nobody else does, for longer than every expiry.
      () => this.#cut([master], [...others, ...controllers, ...nameServers], 'both', LONG),
      () => this.#cut([master], [...others, ...controllers, ...nameServers], 'both', LONG),
      () => this.#cut([master], nameServers, random.pick(['in', 'out', 'both'] as const)),
      () => {
        this.#cut([master], controllers, 'both');
        this.#strikeNode(master, 'stop');
      },
      () => {
        this.#cut([master], others, 'both');
        const afterMs = random.exponential(30);
        this.#world.scheduler.schedule(afterMs, 'nemesis follows up', () => {
          if (this.#isActive) this.#strikeNode(master);
        });
      },
    ];
    random.pick(moves)();
  }

  #storm(): void {
    const { network } = this.#world;
    const before = this.#plan.faults.network;
    this.#note('storm');
    network.faults = {
      ...before,
      lossProbability: this.#random.between(0.05, 0.4),
      slowProbability: this.#random.between(0, 0.3),
      slowMs: this.#random.between(50, 600),
    };
    this.#later('calm', () => {
      network.faults = before;
    });
  }

  #disk(): void {
    const random = this.#random;
    const { drive, name } = this.#node(this.#master() ?? random.pick(this.#members));
    // With flush async a failed sync takes back what has been acknowledged, as a power failure does.
    const { isPowerLossAllowed } = this.#plan.nemesis;
    const kind = random.pick([
      'full',
      'write',
      isPowerLossAllowed ? 'sync' : 'slow',
      'slow',
    ] as const);
    this.#note(`disk ${kind} ${name}`);
    if (kind === 'full') {
      drive.capacityBytes = drive.usedBytes() + random.below(3_000);
      this.#later('space again', () => {
        drive.capacityBytes = 2 ** 40;
      });
    } else if (kind === 'slow') {
      const before = drive.faults;
      drive.faults = { ...before, slowProbability: 0.7, slowMs: random.between(20, 400) };
      this.#later('quick again', () => {
        drive.faults = before;
      });
    } else {
      const ordinal = drive.operationCount(kind) + 1 + random.below(20);
      const times = random.pick([1, 1, 3, 20]);
      drive.inject({ operation: kind, ordinal, times, fault: { kind: 'error', code: 'EIO' } });
    }
  }

  #clock(): void {
    const node = this.#random.pick(this.#world.nodes);
    const byMs = Math.round(this.#random.between(-1, 1) * this.#random.pick([50, 5_000, 100_000]));
    this.#note(`clock of ${node.name} by ${byMs} ms`);
    node.clock.jump(byMs);
  }

  #store(): void {
    const { store } = this.#targets;
    store.behaviour = this.#random.pick(['slow', 'silent', 'refuses', 'forgets-to-answer']);
    this.#note(`store ${store.behaviour}`);
    this.#later('store is sound', () => {
      store.behaviour = 'sound';
    });
  }

  #master(): string | undefined {
    return this.#targets.masterOf(this.#random.pick(this.#plan.groups).name);
  }

  #node(name: string): SimNode {
    const node = this.#world.nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new RangeError(`no node ${name}`);
    return node;
  }

  #reviveLater(node: SimNode): void {
    this.#later(`revive ${node.name}`, () => this.#revive(node));
  }

  #revive(node: SimNode): void {
    if (node.process.isStopped) node.process.continue();
    if (!node.isAlive) this.#targets.boot(node);
  }

  #again(label: string, meanMs: number, strike: () => void): void {
    if (meanMs === Infinity) return;
    const afterMs = this.#random.exponential(meanMs);
    this.#world.scheduler.schedule(afterMs, `nemesis ${label}`, () => {
      if (!this.#isActive) return;
      this.strikes++;
      strike();
      this.#again(label, meanMs, strike);
    });
  }

  #later(label: string, run: () => void, times = 1): void {
    const { durationMeanMs } = this.#plan.nemesis;
    const meanMs = durationMeanMs * (this.#random.chance(0.2) ? LONG : times);
    this.#world.scheduler.schedule(this.#random.exponential(meanMs), `nemesis: ${label}`, () => {
      if (this.#isActive) run();
    });
  }

  /** For the story of a failure. */
  #note(what: string): void {
    this.#world.scheduler.schedule(0, `nemesis: ${what}`, () => undefined);
  }
}
