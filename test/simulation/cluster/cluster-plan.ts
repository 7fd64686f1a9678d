import type { ReplicationMode } from '../../../common/model/broker-group.ts';
import { SOUND_DISK } from '../disk-faults.ts';
import type { FaultPlan } from '../fault-plan.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { NetworkPatience } from '../sim-network.ts';

/** Times of the cluster: about a tenth of the defaults, so that little virtual time holds many failovers. */
export const TIMES = {
  heartbeatIntervalMs: 100,
  heartbeatExpiryMs: 500,
  writeLeaseMs: 350,
  inSyncTimeoutMs: 300,
  replicationBeatMs: 50,
  replicationTimeoutMs: 600,
} as const;

/** As much shorter as the times of the cluster. */
export const PATIENCE: NetworkPatience = {
  retransmitMs: 20,
  giveUpMs: 2_000,
  connectTimeoutMs: 500,
};

/** Chains of faults, see cluster-plots.ts. */
const PLOTS = [
  'late-answers',
  'unheard-revocation',
  'lonely-master',
  'unseen-shrinking',
  'unstored-wish',
  'untold-growth',
  'torn-tail',
] as const;
export type PlotName = (typeof PLOTS)[number];

export interface GroupPlan {
  readonly name: string;
  readonly members: readonly string[];
}

/** Everything that a seed decides beforehand. */
export interface ClusterPlan {
  readonly groups: readonly GroupPlan[];
  readonly nameServers: readonly string[];
  readonly controllers: readonly string[];
  readonly clients: readonly string[];
  readonly replication: ReplicationMode;
  readonly minInSyncReplicas: number;
  readonly isUnclean: boolean;
  readonly flush: 'sync' | 'async';
  readonly segmentBytes: number;
  readonly snapshotIntervalBytes: number;
  /** 0: nothing is deleted. */
  readonly retentionBytes: number;
  readonly windowBytes: number;
  /** How late it is known that a process has ended; Infinity: never. */
  readonly witnessDelayMs: number;
  readonly producers: number;
  readonly consumers: number;
  readonly sendPauseMeanMs: number;
  /** Of the safety phase. */
  readonly durationMs: number;
  readonly faults: FaultPlan;
  readonly nemesis: NemesisPlan;
}

/** Mean virtual times between strikes of one kind; Infinity: none of them. */
export interface NemesisPlan {
  readonly outageMeanMs: number;
  readonly partitionMeanMs: number;
  readonly stormMeanMs: number;
  readonly diskMeanMs: number;
  readonly clockMeanMs: number;
  readonly storeMeanMs: number;
  readonly administrationMeanMs: number;
  /** How long what was struck stays so; some strikes last much longer. */
  readonly durationMeanMs: number;
  /** How often a strike follows a change of what is stored. */
  readonly decisiveProbability: number;
  readonly plotMeanMs: number;
  readonly plots: readonly PlotName[];
  /** Which outages there are. */
  readonly isPowerLossAllowed: boolean;
}

export interface PlanWishes {
  readonly replication?: ReplicationMode;
  readonly flush?: 'sync' | 'async';
  readonly groups?: number;
  readonly members?: number;
  readonly minInSyncReplicas?: number;
  readonly decisiveProbability?: number;
  readonly controllers?: number;
  /** Only these, often, and no other strikes, which would be in their way. */
  readonly plots?: readonly PlotName[];
}

export function drawClusterPlan(random: SeededRandom, wishes: PlanWishes = {}): ClusterPlan {
  const memberCount = wishes.members ?? (random.chance(0.7) ? 3 : 2);
  const groupCount = wishes.groups ?? (random.chance(0.3) ? 2 : 1);
  const replication = wishes.replication ?? (random.chance(0.6) ? 'sync' : 'async');
  const segmentBytes = random.pick([2_000, 6_000, 1 << 20]);
  const flush = wishes.flush ?? (random.chance(0.7) ? 'sync' : 'async');
  return {
    groups: ['a', 'b'].slice(0, groupCount).map((name) => ({
      name,
      members: numbered(name, memberCount),
    })),
    nameServers: numbered('ns', 3),
    controllers: numbered('ctl', drawControllerCount(random, wishes)),
    clients: numbered('client', 2),
    replication,
    minInSyncReplicas: wishes.minInSyncReplicas ?? (random.chance(0.3) ? 2 : 1),
    isUnclean: false,
    flush,
    segmentBytes,
    retentionBytes: random.chance(0.3) ? 4 * segmentBytes : 0,
    snapshotIntervalBytes: random.pick([1_500, 10_000, 1 << 20]),
    windowBytes: random.pick([1_000, 4_000, 1 << 20]),
    witnessDelayMs: random.pick([5, 100, Infinity]),
    producers: random.pick([1, 3]),
    consumers: 2,
    sendPauseMeanMs: random.pick([25, 50, 100]),
    durationMs: random.pick([2_500, 4_000, 6_000]),
    faults: drawFaults(random),
    nemesis: drawNemesis(random, flush, wishes),
  };
}

function drawControllerCount(random: SeededRandom, { controllers }: PlanWishes): number {
  const drawn = random.chance(0.4) ? 2 : 1;
  return controllers ?? drawn;
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
}

/** Swarm style: each fault is off in about half of the seeds. Faults of the disk come as strikes, not as a constant rain. */
function drawFaults(random: SeededRandom): FaultPlan {
  const sometimes = (value: number): number => (random.chance(0.5) ? value : 0);
  return {
    disk: {
      ...SOUND_DISK,
      latencyMeanMs: random.pick([0.01, 0.1, 0.5]),
      slowProbability: sometimes(random.between(0, 0.01)),
      slowMs: random.between(5, 200),
      crashLoss: {
        lossProbability: random.pick([0.1, 0.5, 1]),
        exposesGarbage: random.chance(0.3),
      },
    },
    network: {
      delayMinMs: random.between(0.05, 0.3),
      delayMeanMs: random.pick([0.1, 0.5, 3]),
      lossProbability: sometimes(random.between(0, 0.03)),
      duplicateProbability: 0,
      slowProbability: sometimes(random.between(0, 0.01)),
      slowMs: random.between(10, 300),
    },
    clock: {
      wallOffsetMaxMs: sometimes(random.pick([10, 1_000, 60_000])),
      driftMax: sometimes(random.pick([1e-4, 1e-3, 5e-3])),
    },
    timerLatenessMeanMs: random.pick([0, 0.2, 2]),
    crashIntervalMeanMs: Infinity,
    partitionIntervalMeanMs: Infinity,
    partitionDurationMeanMs: 0,
  };
}

const WISHED_PLOT_MEAN_MS = 150;

function drawNemesis(
  random: SeededRandom,
  flush: 'sync' | 'async',
  wishes: PlanWishes,
): NemesisPlan {
  const isCalm = wishes.plots !== undefined;
  const sometimes = (low: number, high: number, probability = 0.5): number => {
    const meanMs = random.chance(probability) ? random.between(low, high) : Infinity;
    return isCalm ? Infinity : meanMs;
  };
  return {
    outageMeanMs: sometimes(200, 1_500, 0.7),
    partitionMeanMs: sometimes(200, 1_500, 0.6),
    stormMeanMs: sometimes(500, 3_000, 0.3),
    diskMeanMs: sometimes(400, 3_000, 0.3),
    clockMeanMs: sometimes(1_000, 4_000, 0.3),
    storeMeanMs: sometimes(500, 3_000, 0.4),
    administrationMeanMs: sometimes(600, 3_000, 0.4),
    durationMeanMs: random.pick([60, 150, 400]),
    decisiveProbability: wishes.decisiveProbability ?? random.pick([0, 0.1, 0.3]),
    isPowerLossAllowed: flush === 'sync',
    plotMeanMs: isCalm ? WISHED_PLOT_MEAN_MS : sometimes(500, 2_000, 0.4),
    plots: wishes.plots ?? PLOTS,
  };
}
