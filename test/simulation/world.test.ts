import { describe, expect, it } from '@jest/globals';
import { drawFaultPlan } from './fault-plan.ts';
import { Nemesis } from './nemesis.ts';
import type { SimNode } from './sim-node.ts';
import { SimRpc } from './sim-rpc.ts';
import { World } from './world.ts';

const EVENT_COUNT = 50_000;
const NAMES = ['a', 'b', 'c'];

/** Gossips numbers to the others, keeps what it hears in a file, and answers what it has: ordinary asynchronous code. */
function startGossip(node: SimNode): void {
  const { timers, random, disk, clock } = node.environment;
  const rpc = new SimRpc(node.host, timers);
  let length = 0;
  rpc.serve('keep', async (request) => {
    const file = await disk.open('/heard', { create: true });
    const at = length;
    length += request.length;
    try {
      await file.write(at, [request]);
      if (random.uint32() % 8 === 0) await file.sync();
      return await file.read(0, 8);
    } finally {
      await file.close();
    }
  });
  const ask = async (): Promise<void> => {
    const to = NAMES[random.uint32() % NAMES.length]!;
    const request = Buffer.from(`${node.name} at ${clock.nowMs()} ${clock.monotonicMs()}`);
    try {
      await Promise.all([rpc.call(to, 'keep', request, 500), disk.list('/')]);
    } catch (error) {
      // Faults are part of the story; each has a code.
      expect(error).toHaveProperty('code');
    }
    timers.after(random.uint32() % 50, () => void ask());
    timers.soon(() => node.host.sendDatagram(to, random.bytes(8)));
  };
  for (let i = 0; i < 4; i++) void ask();
}

/** Runs a small cluster through crashes and partitions; returns the digest of all that happened. */
async function gossip(seed: number): Promise<{ hash: string; endMs: number; story: string[] }> {
  const world = new World(seed);
  const drawn = drawFaultPlan(world.random.fork('plan'));
  const plan = { ...drawn, crashIntervalMeanMs: 300, partitionIntervalMeanMs: 500 };
  world.useFaultPlan({ ...plan, partitionDurationMeanMs: 200 });
  const nodes = NAMES.map((name) => world.addNode(name));
  await world.run(async () => {
    for (const node of nodes) startGossip(node);
    const nemesis = new Nemesis(world, plan, startGossip);
    while (world.scheduler.eventCount < EVENT_COUNT) await world.sleep(200);
    nemesis.heal();
    await world.sleep(5_000);
    // Everything is sound again, so every node must be able to talk to every other.
    for (const node of nodes) {
      expect(node.isAlive && !node.process.isStopped).toBe(true);
      const asked = node.host.connect(
        NAMES.find((name) => name !== node.name)!,
        'rpc',
      );
      expect((await asked).isOpen).toBe(true);
    }
  });
  const { traceHash, nowMs } = world.scheduler;
  return { hash: traceHash, endMs: nowMs, story: world.scheduler.recentEvents() };
}

describe('World', () => {
  it(`tells the same story of ${EVENT_COUNT} events for the same seed, and another for another`, async () => {
    const [first, again, other] = [await gossip(11), await gossip(11), await gossip(12)];
    expect(again).toEqual(first);
    expect(other.hash).not.toBe(first.hash);
  });

  it('draws plans in which each fault is on in some seeds and off in others', () => {
    const plans = Array.from({ length: 60 }, (_, i) => drawFaultPlan(new World(i).random));
    const isMixed = (isOn: (plan: (typeof plans)[number]) => boolean): boolean => {
      const count = plans.filter(isOn).length;
      return count > 10 && count < 50;
    };
    expect(isMixed((plan) => plan.disk.syncErrorProbability > 0)).toBe(true);
    expect(isMixed((plan) => plan.disk.bitFlipProbability > 0)).toBe(true);
    expect(isMixed((plan) => plan.network.lossProbability > 0)).toBe(true);
    expect(isMixed((plan) => plan.crashIntervalMeanMs < Infinity)).toBe(true);
    expect(isMixed((plan) => plan.clock.driftMax > 0)).toBe(true);
  });

  it('tells seed, faults and last events with a failure, and keeps the error itself', async () => {
    const world = new World(7);
    world.useFaultPlan(drawFaultPlan(world.random));
    const failure = Object.assign(new Error('planted'), { code: 'PLANTED' });
    const run = world.run(async () => {
      await world.sleep(5);
      throw failure;
    });
    await expect(run).rejects.toBe(failure);
    const { story } = failure as Error & { story?: string };
    expect(story).toMatch(
      /^seed 7, 5 ms of virtual time, 1 events\nfaults \{.*\}\n {2}5\.000 - world sleep$/,
    );
  });
});
