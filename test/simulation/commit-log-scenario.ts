import { assert } from '../../common/assert.ts';
import type { Disk, DiskFile } from '../../common/environment/disk.ts';
import type { Environment } from '../../common/environment/environment.ts';
import { physicalOffset, type PhysicalOffset } from '../../common/model/offsets.ts';
import { CommitLog } from '../../broker/store/commit-log.ts';
import { RecordType } from '../../broker/store/record-type.ts';
import { isDiskError, isStoreError } from '../../broker/store/store-error.ts';
import { repairStore } from '../../broker/store/tool/repair.ts';
import { SOUND_DISK } from './disk-faults.ts';
import { drawFaultPlan } from './fault-plan.ts';
import type { SimNode } from './sim-node.ts';
import { simulate, type World } from './world.ts';

/** Ways to break the promises of the log, each of which the ledger must notice. */
export type CommitLogBug =
  | 'acknowledges-before-fdatasync'
  | 'skips-fdatasync'
  | 'ignores-failed-fdatasync'
  | 'skips-directory-sync';

const LIFE_COUNT = 10;
const APPENDS_PER_LIFE = 60;
const OPEN_ATTEMPTS_MAX = 200;
const DIRECTORY = '/data';

/** What the outside knows: the log must never contradict it. */
interface Ledger {
  /** By offset: acknowledged, and not lost by a fault that may lose it. */
  acknowledged: Map<number, string>;
  /** By offset: every text ever appended there. A record that nobody appended is a wrong record. */
  asked: Map<number, Set<string>>;
  /** Retention was told to delete what ends at or below this. */
  keepFrom: PhysicalOffset;
  /** Below it, intact records say that the log was durable: damage there must be refused, never truncated. */
  proven: number;
  /** As far as the last life that had the log open made it durable. */
  durable: number;
  texts: number;
}

interface Run {
  world: World;
  node: SimNode;
  flush: 'async' | 'sync';
  segmentBytes: number;
  bug: CommitLogBug | undefined;
  ledger: Ledger;
}

/**
 * Appends through crashes, kill -9, torn writes, lost unsynced bytes, failing operations, full disks and bits that rot;
 * after each life the log is opened again and compared with the ledger. Rotten bits must be refused, and then repaired.
 */
export function runCommitLog(seed: number, bug?: CommitLogBug): Promise<void> {
  return simulate(seed, async (world) => {
    world.useFaultPlan(drawFaultPlan(world.random.fork('plan')));
    const node = world.addNode('broker');
    const ledger: Ledger = {
      acknowledged: new Map(),
      asked: new Map(),
      keepFrom: physicalOffset(0),
      proven: 0,
      durable: 0,
      texts: 0,
    };
    const flush = bug === undefined && world.random.chance(0.5) ? 'async' : 'sync';
    const run: Run = {
      world,
      node,
      flush,
      segmentBytes: world.random.pick([300, 5_000, 1 << 20]),
      bug,
      ledger,
    };
    const faults = node.drive.faults;
    for (let life = 0; life < LIFE_COUNT; life += 1) {
      node.drive.faults = faults;
      const crashed = node.crashAtDiskOperation(1 + world.random.below(4 * APPENDS_PER_LIFE));
      const view: LifeView = { log: undefined };
      await Promise.race([crashed, liveOnce(run, view)]);
      endLife(run, view);
      if (world.random.chance(0.25)) await rotAndRepair(run);
    }
    node.drive.faults = SOUND_DISK;
    await check(run, await openPatiently(run));
  });
}

interface LifeView {
  log: CommitLog | undefined;
}

/** Opens, checks, appends. Ends by itself when the disk makes it impossible to go on. */
async function liveOnce(run: Run, view: LifeView): Promise<void> {
  const log = await openPatiently(run);
  view.log = log;
  await check(run, log);
  const pending = new Map<number, string>();
  log.onFailure((failure) => {
    for (const offset of [...pending.keys()])
      if (offset >= failure.keptOffset) pending.delete(offset);
  });
  log.onAdvance(() => acknowledge(run, log, pending));
  for (let index = 0; index < APPENDS_PER_LIFE; index += 1) {
    if (log.failure !== undefined && !(await reopened(run, log))) return;
    append(run, log, pending);
    if (run.world.random.chance(0.4)) await run.world.sleep(run.world.random.pick([0.1, 2, 50]));
    if (run.world.random.chance(0.02)) await retain(run, log);
  }
  await run.world.sleep(100);
}

function append({ world, ledger }: Run, log: CommitLog, pending: Map<number, string>): void {
  ledger.texts += 1;
  const text = `${ledger.texts}:${'z'.repeat(world.random.pick([0, 10, 100, 1_000]))}`;
  const payload = Buffer.from(text);
  const offset = log.append(
    RecordType.Message,
    0,
    payload.length,
    (buffer, at) => void payload.copy(buffer, at),
  );
  if (typeof offset !== 'number') return;
  pending.set(offset, text);
  const texts = ledger.asked.get(offset) ?? new Set();
  ledger.asked.set(offset, texts.add(text));
}

function acknowledge(
  { flush, bug, ledger }: Run,
  log: CommitLog,
  pending: Map<number, string>,
): void {
  const isEarly = flush === 'async' || bug === 'acknowledges-before-fdatasync';
  const line = isEarly ? log.writtenOffset : log.durableOffset;
  for (const [offset, text] of pending) {
    if (offset >= line) return;
    ledger.acknowledged.set(offset, text);
    pending.delete(offset);
  }
}

/** What a fault may take: with flush async, after power loss or a failed fdatasync, whatever was not durable. */
function endLife(run: Run, view: LifeView): void {
  const { world, node, ledger } = run;
  const isKilled = node.isAlive && world.random.chance(0.4);
  const hasFailedSync = view.log?.failure !== undefined && view.log.failure.operation !== 'write';
  // A life that ended before the log was open has made nothing durable.
  ledger.durable = view.log?.durableOffset ?? ledger.durable;
  if (!isKilled || hasFailedSync) forgetUndurable(run);
  if (isKilled) node.kill();
  else node.crash();
  node.restart();
}

function forgetUndurable({ flush, ledger }: Run): void {
  if (flush === 'sync') return;
  for (const offset of [...ledger.acknowledged.keys()]) {
    if (offset >= ledger.durable) ledger.acknowledged.delete(offset);
  }
}

async function reopened({ world }: Run, log: CommitLog): Promise<boolean> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    try {
      await log.reopen();
      return true;
    } catch (error) {
      if (!isStoreError(error)) throw error;
      // Bytes that the kernel forgot: the log says so and stays failed; only a restart goes on.
      if (error.kind === 'corrupt') {
        assert(
          log.failure?.operation !== 'write',
          'a failed write loses nothing that was written before',
        );
        return false;
      }
      await world.sleep(10);
    }
  }
  return false;
}

async function retain({ ledger }: Run, log: CommitLog): Promise<void> {
  const middle = log.segments().at(-3)?.startOffset;
  if (middle === undefined || middle > log.durableOffset) return;
  // A segment whose removal could not be made durable is still listed.
  ledger.keepFrom = physicalOffset(Math.max(middle, ledger.keepFrom));
  await log.deleteSegmentsBefore(middle).catch((error: unknown) => {
    if (!isDiskError(error)) throw error;
  });
}

/** Opens until the disk lets it; only what the disk refused may fail, never a claim of damage. */
async function openPatiently(run: Run): Promise<CommitLog> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await open(run);
    } catch (error) {
      if (!isStoreError(error) || error.kind !== 'io') throw error;
      // The fdatasync of recovery may have failed: for what was not durable, that is as bad as a crash.
      forgetUndurable(run);
      assert(attempt < OPEN_ATTEMPTS_MAX, `the log does not open: ${error.message}`);
      await run.world.sleep(10);
    }
  }
}

function open({ node, flush, segmentBytes, bug, ledger }: Run): Promise<CommitLog> {
  const options = {
    directory: DIRECTORY,
    segmentBytes,
    flush,
    flushIntervalMs: 30,
    cacheBytes: 0,
    batchBytesMax: 3_000,
    pendingBytesMax: 20_000,
  };
  const environment = withBug(node.environment, bug);
  return CommitLog.open(options, environment, {
    scanFrom: ledger.keepFrom,
    durableFloor: ledger.keepFrom,
  });
}

/** Everything acknowledged is there; everything there was appended there once. */
async function check({ ledger }: Run, log: CommitLog): Promise<void> {
  const found = new Map<number, string>();
  try {
    for await (const records of log.scan(ledger.keepFrom)) {
      for (const record of records) {
        ledger.proven = Math.max(ledger.proven, record.durableOffset);
        if (record.type === RecordType.Hole) continue;
        const text = record.buffer.toString('utf8', record.payloadStart, record.payloadEnd);
        assert(
          ledger.asked.get(record.offset)?.has(text) === true,
          `nobody appended ${text.slice(0, 9)} at ${record.offset}`,
        );
        found.set(record.offset, text);
      }
    }
  } catch (error) {
    if (isStoreError(error) && error.kind === 'io') return;
    throw error;
  }
  for (const [offset, text] of ledger.acknowledged) {
    if (offset < ledger.keepFrom) continue;
    assert(
      found.get(offset) === text,
      `acknowledged ${text.slice(0, 9)} at ${offset}, found ${found.get(offset)?.slice(0, 9)}`,
    );
  }
}

/** A bit rots where the log was proven durable: opening must refuse; repair must lose that record and no other. */
async function rotAndRepair(run: Run): Promise<void> {
  const { world, node, ledger } = run;
  node.drive.faults = SOUND_DISK;
  if (ledger.proven <= ledger.keepFrom) return;
  const position = ledger.keepFrom + world.random.below(ledger.proven - ledger.keepFrom);
  const file = node.drive.names
    .paths()
    .filter((path) => path.endsWith('.log') && segmentStart(path) <= position)
    .at(-1);
  assert(file !== undefined, `a segment holds ${position}`);
  node.drive.corrupt(file, position - segmentStart(file), 1 << world.random.below(8));
  const refusal = await open(run).catch((error: unknown) => error);
  assert(
    isStoreError(refusal) && refusal.kind === 'corrupt',
    `a rotten bit at ${position} was not refused`,
  );
  const repair = repairStore(node.environment, DIRECTORY, ledger.keepFrom);
  let step = await repair.next();
  while (step.done !== true) step = await repair.next();
  // A torn tail of the last life may be cut at the same time; `check` sees that nothing acknowledged was in it.
  const lost = step.value.steps.find(({ start, end }) => start <= position && position < end);
  assert(lost !== undefined, `nothing is lost at ${position}, where the bit rotted`);
  for (const offset of [...ledger.acknowledged.keys()]) {
    if (offset >= lost.start && offset < lost.end) ledger.acknowledged.delete(offset);
  }
  const repaired = await open(run);
  await check(run, repaired);
  ledger.durable = repaired.durableOffset;
  node.crash();
  node.restart();
}

function segmentStart(path: string): number {
  return Number(path.slice(-24, -4));
}

/** The environment as a log with that bug would use it. */
function withBug(environment: Environment, bug: CommitLogBug | undefined): Environment {
  if (bug === undefined || bug === 'acknowledges-before-fdatasync') return environment;
  const { disk } = environment;
  const overlay: Partial<Disk> = {
    async open(path, options) {
      return withFileBug(await disk.open(path, options), bug);
    },
    syncDirectory: (path) =>
      bug === 'skips-directory-sync' ? Promise.resolve() : disk.syncDirectory(path),
  };
  return { ...environment, disk: overlaid(disk, overlay) };
}

function withFileBug(file: DiskFile, bug: CommitLogBug): DiskFile {
  const sync = async (): Promise<void> => {
    if (bug === 'skips-fdatasync') return;
    await file.sync().catch((error: unknown) => {
      if (bug !== 'ignores-failed-fdatasync' || !isDiskError(error)) throw error;
    });
  };
  return overlaid(file, { sync });
}

export function overlaid<T extends object>(target: T, overlay: Partial<T>): T {
  return new Proxy(target, {
    get(object, key) {
      const replaced = overlay[key as keyof T];
      if (replaced !== undefined) return replaced;
      const value: unknown = Reflect.get(object, key, object);
      return typeof value === 'function'
        ? (value as (...args: unknown[]) => unknown).bind(object)
        : value;
    },
  });
}
