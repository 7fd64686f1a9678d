import type { SeededRandom } from '../seeded-random.ts';
import { TIMES, type ClusterPlan, type PlotName } from './cluster-plan.ts';

/** What a plot works with; nothing of it does anything any more once the faults are over. */
interface PlotHands {
  readonly plan: ClusterPlan;
  readonly random: SeededRandom;
  /** Name of a group's present master, as far as anybody can say. */
  masterOf(group: string): string | undefined;
  /** Nothing gets from any of `from` to any of `to`. */
  block(from: readonly string[], to: readonly string[]): void;
  /** Nothing gets from one side to the other, both ways. */
  cut(sideA: readonly string[], sideB: readonly string[]): void;
  /** Ends every block between the two sides, both ways. */
  join(sideA: readonly string[], sideB: readonly string[]): void;
  after(delayMs: number, run: () => void): void;
  kill(node: string): void;
  revive(node: string): void;
  fence(member: string, isFenced: boolean): void;
}

/** What is stored of a group, as far as plots wait for it. */
export interface StoredScene {
  readonly phase: string;
  readonly syncStateSet: readonly string[];
}

/** Those who play in one run of a plot. */
interface Cast {
  readonly master: string;
  readonly slaves: readonly string[];
  readonly controllers: readonly string[];
  readonly nameServers: readonly string[];
}

/** A plot that waits for something that does not come is given up: longer than every timeout of a failover. */
const PATIENCE_MS = 3_000;
/** Long enough for a failover without the master, and for clients to be answered by its successor. */
const FAILOVER_MS = 1_500;

/**
 * Chains of faults, each of which one rule of the failover is there for. Chance alone finds them too, in one of thousands of
 * seeds: several things have to go wrong in one order and within parts of a lease.
 */
export class ClusterPlots {
  readonly #hands: PlotHands;
  /** By group: what its plot waits for. At most one plot of a group at a time. */
  readonly #waiting = new Map<string, (scene: StoredScene) => void>();
  readonly #scenes = new Map<string, StoredScene>();
  readonly #plots: Readonly<Record<PlotName, (group: string, cast: Cast) => void>> = {
    'late-answers': (group, cast) => this.#lateAnswers(group, cast),
    'unheard-revocation': (group, cast) => this.#unheardRevocation(group, cast),
    'lonely-master': (group, cast) => this.#lonelyMaster(group, cast),
    'unseen-shrinking': (group, cast) => this.#unseenShrinking(group, cast),
    'unstored-wish': (group, cast) => this.#unstoredWish(group, cast),
    'untold-growth': (group, cast) => this.#untoldGrowth(group, cast),
    'torn-tail': (group, cast) => this.#tornTail(group, cast),
  };

  constructor(hands: PlotHands) {
    this.#hands = hands;
  }

  play(plot: PlotName, group: string): void {
    const { plan } = this.#hands;
    const master = this.#hands.masterOf(group);
    if (master === undefined || this.#waiting.has(group)) return;
    const { controllers, nameServers } = plan;
    const members = plan.groups.find(({ name }) => name === group)?.members ?? [];
    const scene = this.#scenes.get(group);
    // Otherwise it would show nothing: whoever is not in the set cannot be elected.
    if (scene?.phase !== 'stable' || scene.syncStateSet.length < members.length) return;
    const slaves = members.filter((name) => name !== master);
    const cast = { master, slaves, controllers, nameServers };
    this.#plots[plot](group, cast);
  }

  /** A change was stored. */
  stored(group: string, scene: StoredScene): void {
    this.#scenes.set(group, scene);
    this.#waiting.get(group)?.(scene);
  }

  /**
   * NameServers hear the master's last heartbeats, and their answers reach it some hundred milliseconds later, when nobody but
   * clients hears it any more.
   */
  #lateAnswers(group: string, { master, slaves, controllers, nameServers }: Cast): void {
    const { random } = this.#hands;
    const all = [...slaves, ...controllers, ...nameServers];
    const end = this.#begin(group, () => {
      this.#hands.join([master], all);
    });
    this.#hands.block(nameServers, [master]);
    this.#hands.after(random.between(20, 110), () => {
      this.#hands.block([master], nameServers);
      this.#hands.cut([master], [...slaves, ...controllers]);
    });
    this.#hands.after(random.between(330, 480), () => {
      this.#hands.join(nameServers, [master]);
      this.#hands.block([master], nameServers);
    });
    this.#hands.after(FAILOVER_MS, end);
  }

  /**
   * The master never hears that it should hand over; it answers the revocation, and then nobody reaches it but clients. It still
   * has a lease.
   */
  #unheardRevocation(group: string, { master, slaves, controllers, nameServers }: Cast): void {
    const all = [...slaves, ...controllers, ...nameServers];
    const end = this.#begin(group, () => {
      this.#hands.join([master], all);
      this.#hands.fence(master, false);
    });
    this.#hands.fence(master, true);
    this.#waiting.set(group, ({ phase }) => {
      if (phase === 'handing-over') {
        this.#hands.cut([master], controllers);
      } else if (phase === 'revoking') {
        this.#hands.join([master], controllers);
        this.#hands.block(nameServers, [master]);
      } else if (phase === 'promoting') {
        this.#hands.cut([master], all);
        this.#hands.after(FAILOVER_MS / 2, end);
      }
    });
  }

  /** The master goes on without its slaves, which is stored and told; then it ends, and they are back. */
  #lonelyMaster(group: string, { master, slaves }: Cast): void {
    const { random } = this.#hands;
    const end = this.#begin(group, () => {
      this.#hands.join([master], slaves);
      this.#hands.revive(master);
    });
    this.#hands.cut([master], slaves);
    let isAlone = false;
    this.#waiting.set(group, ({ syncStateSet }) => {
      if (isAlone || syncStateSet.length !== 1) return;
      isAlone = true;
      this.#hands.after(random.between(30, 300), () => {
        this.#hands.kill(master);
        this.#hands.join([master], slaves);
        this.#hands.after(FAILOVER_MS, end);
      });
    });
  }

  /**
   * As the lonely master, but all controllers except one have heard nothing of it when that one ends together with the master:
   * what they believe to be stored is not any more.
   */
  #unseenShrinking(group: string, { master, slaves, controllers }: Cast): void {
    const { random } = this.#hands;
    const [witness = '', ...others] = controllers;
    const end = this.#begin(group, () => {
      this.#hands.join([master], [...slaves, ...others]);
      this.#hands.revive(master);
      this.#hands.revive(witness);
    });
    this.#hands.cut([master], [...slaves, ...others]);
    let isAlone = false;
    this.#waiting.set(group, ({ syncStateSet }) => {
      if (isAlone || syncStateSet.length !== 1) return;
      isAlone = true;
      this.#hands.after(random.between(30, 200), () => {
        if (others.length > 0) this.#hands.kill(witness);
        this.#hands.kill(master);
        this.#hands.join([master], [...slaves, ...others]);
        this.#hands.after(FAILOVER_MS, end);
      });
    });
  }

  /** The master wants to go on without its slaves, which nobody hears; then it ends, and they are back. */
  #unstoredWish(group: string, { master, slaves, controllers }: Cast): void {
    const { random } = this.#hands;
    const others = [...slaves, ...controllers];
    const end = this.#begin(group, () => {
      this.#hands.join([master], others);
      this.#hands.revive(master);
    });
    this.#hands.cut([master], others);
    this.#hands.after(TIMES.inSyncTimeoutMs + random.between(50, 300), () => {
      this.#hands.kill(master);
      this.#hands.join([master], others);
      this.#hands.after(FAILOVER_MS, end);
    });
  }

  /** A larger set is stored, and the master does not hear of it: it goes on without slaves, and ends. */
  #untoldGrowth(group: string, { master, slaves, controllers }: Cast): void {
    const { random } = this.#hands;
    const others = [...slaves, ...controllers];
    const end = this.#begin(group, () => {
      this.#hands.join([master], others);
      this.#hands.revive(master);
    });
    this.#hands.cut([master], slaves);
    let isAlone = false;
    this.#waiting.set(group, ({ syncStateSet }) => {
      if (!isAlone && syncStateSet.length === 1) {
        isAlone = true;
        this.#hands.after(random.between(30, 200), () => this.#hands.join([master], slaves));
      } else if (isAlone && syncStateSet.length > 1) {
        this.#waiting.set(group, () => undefined);
        this.#hands.cut([master], others);
        this.#hands.after(random.between(50, 250), () => {
          this.#hands.kill(master);
          this.#hands.join([master], others);
          this.#hands.after(FAILOVER_MS, end);
        });
      }
    });
  }

  /** One slave gets a tail of the log that another one does not get, and goes away together with the master. */
  #tornTail(group: string, { master, slaves, controllers, nameServers }: Cast): void {
    const { random } = this.#hands;
    const left = random.pick(slaves);
    const gone = [master, ...slaves.filter((name) => name !== left)];
    const others = [left, ...controllers, ...nameServers];
    const end = this.#begin(group, () => {
      this.#hands.join(gone, others);
    });
    this.#hands.cut([master], [left]);
    this.#hands.after(random.between(20, 200), () => {
      this.#hands.cut(gone, others);
      this.#hands.after(FAILOVER_MS, end);
    });
  }

  /** What ends the plot, which happens at last when it has lost patience. */
  #begin(group: string, undo: () => void): () => void {
    let isOver = false;
    this.#waiting.set(group, () => undefined);
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      this.#waiting.delete(group);
      undo();
    };
    this.#hands.after(PATIENCE_MS, end);
    return end;
  }
}
