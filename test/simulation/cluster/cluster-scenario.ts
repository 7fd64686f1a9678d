import { assert } from '../../../common/assert.ts';
import { simulate, type World } from '../world.ts';
import { Administrator } from './administrator.ts';
import { plantClusterBug, type ClusterBug } from './cluster-bugs.ts';
import { checkSends, storedPlaces, unconsumed, type Stored } from './cluster-checks.ts';
import { checkEqualMembers } from './member-comparison.ts';
import { ClusterNemesis } from './cluster-nemesis.ts';
import { drawClusterPlan, type PlanWishes } from './cluster-plan.ts';
import { ClusterWorld } from './cluster-world.ts';

/** Within this much virtual time after the faults have ended everything has to be as it should. */
const CONVERGENCE_MS = 12_000;
/** A message whose attempts have ended unseen waits up to half a minute for its next one. */
const CONSUMPTION_MS = 70_000;
const POLL_MS = 100;

/**
 * A whole cluster under faults: first anything may break and nothing that was promised may be lost, then everything is
 * healed, and the cluster has to find together within a bounded time.
 */
export async function runCluster(
  seed: number,
  wishes: PlanWishes = {},
  bug?: ClusterBug,
): Promise<ClusterWorld> {
  const made: { cluster: ClusterWorld | undefined; undo: (() => void)[] } = {
    cluster: undefined,
    undo: [],
  };
  try {
    return await simulate(seed, async (world) => {
      const plan = drawClusterPlan(world.random.fork('plan'), wishes);
      const cluster = new ClusterWorld(world, plan);
      made.cluster = cluster;
      if (bug !== undefined) made.undo.push(plantClusterBug(bug, world));
      made.undo.push(cluster.probe.install());
      await live(world, cluster);
      return cluster;
    });
  } catch (error) {
    throw withLog(error, made.cluster);
  } finally {
    for (const undo of made.undo.toReversed()) undo();
  }
}

async function live(world: World, cluster: ClusterWorld): Promise<void> {
  const { plan, ledger } = cluster;
  cluster.start();
  const administrator = new Administrator(plan, cluster.connect(cluster.node('client-0')));
  const nemesis = new ClusterNemesis(world, plan, {
    store: cluster.store,
    masterOf: (group) => cluster.masterOf(group),
    boot: (node) => cluster.boot(node),
    administer: (random) => administrator.meddle(random),
    fence: (member, isFenced) => {
      administrator.fenceAtAll(cluster.groupOf(member), member, isFenced);
    },
  });
  await world.sleep(plan.durationMs);
  nemesis.heal();
  for (const consumer of cluster.consumers) consumer.isDiligent = true;
  // What was asked for before may be heard later: as long as somebody is fenced nothing gets on for that.
  const isUnfenced = (): boolean => {
    if (!cluster.isAnybodyFenced()) return true;
    administrator.unfenceAll();
    return false;
  };
  await until(
    cluster,
    'every group has a writable master',
    () => isUnfenced() && plan.groups.every(({ name }) => cluster.masterOf(name) !== undefined),
  );
  for (const producer of cluster.producers) producer.stop();
  await until(cluster, 'producers are done', () =>
    cluster.producers.every((producer) => producer.isDone),
  );
  await until(
    cluster,
    'all members are in the set and have everything',
    () => isUnfenced() && plan.groups.every(({ name }) => cluster.isWhole(name)),
  );
  const stored = new Map<string, Stored>();
  for (const { name } of plan.groups) {
    const broker = cluster.running(cluster.masterOf(name) ?? '')?.broker();
    assert(broker !== undefined, `${name} has no master any more`);
    stored.set(name, await storedPlaces(name, broker));
  }
  checkSends(ledger, stored);
  const isDeleted = (name: string, offset: number): boolean =>
    plan.retentionBytes > 0 && offset < cluster.deletedBelow(name);
  await until(
    cluster,
    'everything is consumed',
    () => unconsumed(ledger, isDeleted, stored).length === 0,
    CONSUMPTION_MS,
  );
  await Promise.all(cluster.consumers.map((consumer) => consumer.stop()));
  for (const { name: group, members } of plan.groups) {
    // Attempts go on ending: what is compared is looked at in this moment.
    await until(cluster, `members of ${group} agree in the end`, () => cluster.isWhole(group));
    const brokers = members.map((name) => [name, cluster.running(name)?.broker()] as const);
    await checkEqualMembers(
      new Map(brokers.flatMap(([name, broker]) => (broker ? [[name, broker]] : []))),
    );
  }
}

async function until(
  cluster: ClusterWorld,
  what: string,
  isTrue: () => boolean,
  withinMs = CONVERGENCE_MS,
): Promise<void> {
  const { world } = cluster;
  const endMs = world.scheduler.nowMs + withinMs;
  while (!isTrue()) {
    if (world.scheduler.nowMs >= endMs)
      assert(false, `not within ${withinMs} ms: ${what}\n${cluster.describe()}`);
    await world.sleep(POLL_MS);
  }
}

/** What the nodes said and what the seed had decided, behind the story of the events. */
function withLog(error: unknown, cluster: ClusterWorld | undefined): unknown {
  if (typeof error !== 'object' || error === null || cluster === undefined) return error;
  const { story = '' } = error as { story?: string };
  const value = [story, JSON.stringify(cluster.plan), ...cluster.log.story()].join('\n');
  Object.defineProperty(error, 'story', { value, configurable: true });
  return error;
}
