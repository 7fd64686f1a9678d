import { SOUND_DISK } from './disk-faults.ts';
import { drawFaultPlan } from './fault-plan.ts';
import type { SimNode } from './sim-node.ts';
import { checkToyLog, ToyLog, type PlantedBug } from './toy-log.ts';
import { simulate, type World } from './world.ts';

const LIFE_COUNT = 12;
const APPENDS_PER_LIFE = 30;

interface Ledger {
  acknowledged: number[];
  asked: Set<number>;
}

/** Appends to a toy log through crashes and disk errors; after each, everything acknowledged must be there. */
export function runToyLog(seed: number, bug?: PlantedBug): Promise<void> {
  return simulate(seed, async (world) => {
    const plan = drawFaultPlan(world.random.fork('plan'));
    // One bit that is wrong for one read looks like a torn end to a log this simple.
    world.useFaultPlan({ ...plan, disk: { ...plan.disk, bitFlipProbability: 0 } });
    const node = world.addNode('toy');
    const ledger: Ledger = { acknowledged: [], asked: new Set() };
    for (let life = 0; life < LIFE_COUNT; life++) await runLife(world, node, ledger, bug);
    node.drive.faults = SOUND_DISK;
    const log = await ToyLog.open(node.restart().disk, bug);
    checkToyLog(log.values, ledger.acknowledged, ledger.asked);
  });
}

/** One life, ended by a crash at a drawn disk operation or by the first error, whichever comes first. */
async function runLife(
  world: World,
  node: SimNode,
  ledger: Ledger,
  bug: PlantedBug | undefined,
): Promise<void> {
  const crashed = node.crashAtDiskOperation(1 + world.random.below(3 * APPENDS_PER_LIFE));
  await Promise.race([crashed, useLog(node, ledger, bug)]);
  // A killed process leaves the page cache as it is, lies included; a power loss leaves only what is durable.
  if (world.random.chance(0.5)) node.kill();
  node.restart();
}

async function useLog(node: SimNode, ledger: Ledger, bug: PlantedBug | undefined): Promise<void> {
  try {
    const log = await ToyLog.open(node.environment.disk, bug);
    checkToyLog(log.values, ledger.acknowledged, ledger.asked);
    for (let i = 0; i < APPENDS_PER_LIFE; i++) {
      const value = ledger.asked.size;
      ledger.asked.add(value);
      await log.append(value);
      ledger.acknowledged.push(value);
    }
  } catch (error) {
    // The disk failed, and the log may not be used any more: the life ends.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}
