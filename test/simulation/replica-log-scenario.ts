import { assert } from '../../common/assert.ts';
import type { Disk } from '../../common/environment/disk.ts';
import type { Environment } from '../../common/environment/environment.ts';
import { epoch, physicalOffset } from '../../common/model/offsets.ts';
import { CommitLog } from '../../broker/store/commit-log.ts';
import {
  encodeRecord,
  HEADER_BYTES,
  readLength,
  recordAt,
} from '../../broker/store/record-codec.ts';
import { RecordType } from '../../broker/store/record-type.ts';
import { isStoreError } from '../../broker/store/store-error.ts';
import { overlaid } from './commit-log-scenario.ts';
import { SOUND_DISK } from './disk-faults.ts';
import { drawFaultPlan } from './fault-plan.ts';
import type { SimNode } from './sim-node.ts';
import { simulate, type World } from './world.ts';

/** Ways to break a log that follows a master, each of which has to be noticed. */
export type ReplicaLogBug =
  'trusts-what-the-master-had-durable' | 'truncates-below-its-checkpoint' | 'skips-fdatasync';

const LIFE_COUNT = 8;
const STEPS_PER_LIFE = 40;
const ATTEMPTS_MAX = 200;
const DIRECTORY = '/data';

/** The log of the present master: from `base` on, whole records of rising epochs. */
interface History {
  base: number;
  bytes: Buffer;
  epoch: number;
}

/** What the outside knows of the follower's log. */
interface Ledger {
  base: number;
  /** Given to it, and neither cut off nor lost by a failure that may lose it. Its content is a prefix of this. */
  held: Buffer;
  /** It must not end below this: as far as it was durable. */
  floor: number;
  /** As far as it was written when it was killed: that stays, unless an fdatasync fails or the machine does. */
  keptByKill: number;
  /** A reset that was begun: the log may also be empty and start here. */
  resetTo: number | undefined;
}

interface Run {
  world: World;
  node: SimNode;
  flush: 'async' | 'sync';
  segmentBytes: number;
  bug: ReplicaLogBug | undefined;
  history: History;
  ledger: Ledger;
  log: CommitLog | undefined;
  isTruncating: boolean;
}

/**
 * A log that copies the logs of changing masters, through crashes at any disk operation, kill -9, torn writes and failing
 * disks: each new master has lost a part of what the one before had, so the copy is truncated, or is emptied to start
 * elsewhere. After each life its content is a prefix of what it was given, at least up to what it had called durable.
 */
export function runReplicaLog(seed: number, bug?: ReplicaLogBug): Promise<void> {
  return simulate(seed, async (world) => {
    world.useFaultPlan(drawFaultPlan(world.random.fork('plan')));
    const node = world.addNode('follower');
    const run: Run = {
      world,
      node,
      flush: world.random.pick(['async', 'sync'] as const),
      segmentBytes: world.random.pick([300, 5_000, 1 << 20]),
      bug,
      history: { base: 0, bytes: Buffer.alloc(0), epoch: 1 },
      ledger: { base: 0, held: Buffer.alloc(0), floor: 0, keptByKill: 0, resetTo: undefined },
      log: undefined,
      isTruncating: false,
    };
    const faults = node.drive.faults;
    for (let life = 0; life < LIFE_COUNT; life += 1) {
      node.drive.faults = faults;
      const crashed = node.crashAtDiskOperation(1 + world.random.below(5 * STEPS_PER_LIFE));
      await Promise.race([crashed, liveOnce(run)]);
      endLife(run);
    }
    node.drive.faults = SOUND_DISK;
    await check(run, await openPatiently(run));
  });
}

async function liveOnce(run: Run): Promise<void> {
  const { world } = run;
  await check(run, await openPatiently(run));
  for (let step = 0; step < STEPS_PER_LIFE; step += 1) {
    if (run.log?.failure !== undefined && !(await reopened(run, run.log))) return;
    if (world.random.chance(0.05)) changeMaster(run);
    if (run.log !== undefined && isAhead(run, run.log)) await cut(run, run.log);
    else if (world.random.chance(0.01)) await startElsewhere(run);
    else copy(run);
    if (world.random.chance(0.4)) await sleep(run, world.random.pick([0.1, 2, 50]));
    if (world.random.chance(0.02) && run.log !== undefined) await check(run, run.log);
  }
  await sleep(run, 100);
}

/** In the life of the process: what sleeps when it ends never wakes. */
function sleep({ node }: Run, delayMs: number): Promise<void> {
  return new Promise((resolve) => node.environment.timers.after(delayMs, resolve));
}

/** The next records of the master, sometimes damaged on the way: then none of them may be taken. */
function copy(run: Run): void {
  const { world, history, ledger, log } = run;
  if (log === undefined || log.failure !== undefined) return;
  const from = log.endOffset - history.base;
  if (from === history.bytes.length) {
    history.bytes = Buffer.concat([history.bytes, newRecords(run, 1 + world.random.below(4))]);
  }
  const records = Buffer.from(history.bytes.subarray(from));
  if (world.random.chance(0.05)) {
    const at = world.random.below(records.length);
    records[at] = (records[at] ?? 0) ^ (1 << world.random.below(8));
    const answer = log.appendRaw(records);
    assert(answer.kind === 'damaged' || answer.kind === 'log-full', 'damaged records were taken');
    return;
  }
  const answer = log.appendRaw(records);
  assert(answer.kind === 'appended' || answer.kind === 'log-full', `the log says ${answer.kind}`);
  if (answer.kind === 'appended') ledger.held = Buffer.concat([ledger.held, records]);
}

/** A new master, that has a part of the old one's log and goes on in its own epoch. */
function changeMaster({ world, history, ledger }: Run): void {
  const common = world.random.pick(boundaries(ledger.held));
  history.bytes = Buffer.from(ledger.held.subarray(0, common));
  history.epoch += 1;
}

/** Drops what the master does not have. When the disk refuses, the next step tries again. */
async function cut(run: Run, log: CommitLog): Promise<void> {
  const { history, ledger } = run;
  const common = history.base + history.bytes.length;
  ledger.floor = Math.min(currentFloor(run), common);
  run.isTruncating = true;
  try {
    await log.truncateTo(physicalOffset(common));
    afterCut(run, log);
  } catch (error) {
    if (!isStoreError(error)) throw error;
  }
  run.isTruncating = false;
}

function isAhead({ history }: Run, log: CommitLog): boolean {
  return log.endOffset > history.base + history.bytes.length;
}

/** The cut is durable: nothing above may ever come back. */
function afterCut({ ledger, history }: Run, log: CommitLog): void {
  assert(log.durableOffset === log.endOffset, 'a truncated log is durable');
  ledger.held = ledger.held.subarray(0, log.endOffset - ledger.base);
  ledger.floor = log.durableOffset;
  const rest = history.bytes.subarray(0, ledger.held.length);
  assert(rest.equals(ledger.held.subarray(0, rest.length)), 'the log is cut where it was told to');
}

/** The master no longer has what the follower would need: the log is emptied, and starts with a snapshot's offset. */
async function startElsewhere(run: Run): Promise<void> {
  const { world, history, ledger, node } = run;
  if (run.log === undefined || run.log.failure !== undefined) return;
  const closing = run.log;
  const floor = currentFloor(run);
  run.log = undefined;
  ledger.floor = floor;
  await closing.close().catch((error: unknown) => {
    if ((error as { code?: unknown }).code === undefined) throw error;
  });
  const offset = ledger.base + ledger.held.length + 1 + world.random.below(1_000);
  ledger.resetTo = offset;
  const environment = withBug(run, node.environment);
  for (let attempt = 0; ; attempt += 1) {
    try {
      await CommitLog.resetTo({ directory: DIRECTORY }, environment, physicalOffset(offset));
      break;
    } catch (error) {
      if (!isStoreError(error) || attempt === ATTEMPTS_MAX) throw error;
      await sleep(run, 10);
    }
  }
  resetLedger(run, offset);
  history.epoch += 1;
  await check(run, await openPatiently(run));
}

function resetLedger({ ledger, history }: Run, offset: number): void {
  Object.assign(ledger, {
    base: offset,
    held: Buffer.alloc(0),
    floor: offset,
    keptByKill: 0,
    resetTo: undefined,
  });
  Object.assign(history, { base: offset, bytes: Buffer.alloc(0) });
}

/** What the open log says of itself, at least what was known before. */
function currentFloor({ ledger, log, isTruncating }: Run): number {
  return isTruncating ? ledger.floor : Math.max(ledger.floor, log?.durableOffset ?? 0);
}

function endLife(run: Run): void {
  const { world, node, ledger, log } = run;
  const isKilled = node.isAlive && world.random.chance(0.4);
  ledger.floor = currentFloor(run);
  const isKept = isKilled && log?.failure === undefined && !run.isTruncating;
  ledger.keptByKill = isKept ? (log?.writtenOffset ?? 0) : 0;
  if (isKilled) node.kill();
  else node.crash();
  node.restart();
  run.log = undefined;
  run.isTruncating = false;
}

async function reopened(run: Run, log: CommitLog): Promise<boolean> {
  const { ledger } = run;
  const wasCut = log.failure?.operation === 'truncate';
  for (let attempt = 0; attempt < 20; attempt += 1) {
    try {
      await log.reopen();
      assert(log.endOffset >= ledger.floor, 'a failure keeps what was durable');
      ledger.held = ledger.held.subarray(0, log.endOffset - ledger.base);
      if (wasCut) afterCut(run, log);
      // What the follower has lost, the master sends again.
      return true;
    } catch (error) {
      if (!isStoreError(error)) throw error;
      if (error.kind === 'corrupt') return false;
      await sleep(run, 10);
    }
  }
  return false;
}

async function openPatiently(run: Run): Promise<CommitLog> {
  const { ledger } = run;
  for (let attempt = 1; ; attempt += 1) {
    try {
      run.log = await openEither(run);
      const { startOffset, endOffset } = run.log;
      assert(startOffset === ledger.base, `the log starts at ${startOffset}`);
      const floor = Math.max(ledger.floor, ledger.keptByKill);
      const end = ledger.base + ledger.held.length;
      assert(
        endOffset >= floor && endOffset <= end,
        `the log ends at ${endOffset}, not in [${floor}, ${end}]`,
      );
      ledger.keptByKill = 0;
      ledger.held = ledger.held.subarray(0, endOffset - ledger.base);
      takeUpHistory(run);
      return run.log;
    } catch (error) {
      if (!isStoreError(error) || error.kind !== 'io') throw error;
      // The fdatasync of recovery may have failed.
      ledger.keptByKill = 0;
      assert(attempt < ATTEMPTS_MAX, `the log does not open: ${error.message}`);
      await sleep(run, 10);
    }
  }
}

/** A truncation that a crash interrupted is to be done again: the master's log is what the follower has not of it. */
function takeUpHistory(run: Run): void {
  const { history, ledger } = run;
  history.bytes = Buffer.from(ledger.held);
}

/** Where a reset was interrupted, the log is the old one or the new one. */
async function openEither(run: Run): Promise<CommitLog> {
  const { ledger } = run;
  if (ledger.resetTo === undefined) return open(run, ledger.base);
  const offset = ledger.resetTo;
  try {
    const log = await open(run, offset);
    resetLedger(run, offset);
    return log;
  } catch (error) {
    if (!isStoreError(error) || error.kind !== 'missing-log') throw error;
    const log = await open(run, ledger.base);
    ledger.resetTo = undefined;
    return log;
  }
}

function open(run: Run, base: number): Promise<CommitLog> {
  const { node, flush, segmentBytes, bug } = run;
  const options = {
    directory: DIRECTORY,
    segmentBytes,
    flush,
    flushIntervalMs: 30,
    cacheBytes: 0,
    batchBytesMax: 3_000,
    pendingBytesMax: 20_000,
    confirmOffset: () => run.log?.durableOffset ?? 0,
    isOwnEpoch: () => bug === 'trusts-what-the-master-had-durable',
  };
  const start = physicalOffset(base);
  return CommitLog.open(options, withBug(run, node.environment), {
    scanFrom: start,
    durableFloor: start,
  });
}

/** Content, epoch and confirmed end, as far as the disk can be read. */
async function check({ ledger }: Run, log: CommitLog): Promise<void> {
  assert(log.recovery.confirmOffset <= log.recovery.endOffset, 'confirmed is what is durable');
  if (log.failure !== undefined) return;
  const last = boundaries(ledger.held).at(-2);
  const expected = last === undefined ? 0 : recordAt(ledger.held, last).epoch;
  assert(
    log.lastEpoch === expected,
    `the last epoch is ${expected}, the log says ${log.lastEpoch}`,
  );
  const end = log.writtenOffset;
  // It may fail while it is read.
  const isShorter = (): boolean => log.failure !== undefined;
  try {
    for (let at = log.startOffset; at < end;) {
      const batch = await log.readBatch(at, 1_000);
      if (isShorter()) return;
      assert(batch.length > 0, 'a batch is empty only at the end');
      const from = at - ledger.base;
      const given = ledger.held.subarray(from, from + batch.length);
      assert(batch.equals(given), `the log holds at ${at} what nobody gave it`);
      at = physicalOffset(at + batch.length);
    }
  } catch (error) {
    if (!isStoreError(error) || (error.kind !== 'io' && !isShorter())) throw error;
  }
}

/** The master's disk is ahead of the follower's: its records say that everything before them is durable there. */
function newRecords({ world, history }: Run, count: number): Buffer {
  const records: Buffer[] = [];
  let offset = history.base + history.bytes.length;
  for (let index = 0; index < count; index += 1) {
    const length = HEADER_BYTES + world.random.pick([0, 10, 100, 1_000]);
    const record = Buffer.alloc(length, 1 + world.random.below(255));
    encodeRecord(record, 0, {
      length,
      type: RecordType.Message,
      flags: 0,
      epoch: epoch(history.epoch),
      offset: physicalOffset(offset),
      storeTimeMs: 1,
      durableOffset: physicalOffset(offset),
    });
    records.push(record);
    offset += length;
  }
  return Buffer.concat(records);
}

/** Starts of the records, and the end of the last one. */
function boundaries(records: Buffer): number[] {
  const bounds = [0];
  for (let at = 0; at < records.length;) {
    at += readLength(records, at);
    bounds.push(at);
  }
  return bounds;
}

function withBug(run: Run, environment: Environment): Environment {
  const { bug } = run;
  if (bug === undefined || bug === 'trusts-what-the-master-had-durable') return environment;
  const { disk } = environment;
  const overlay: Partial<Disk> = {
    async open(path, options) {
      const file = await disk.open(path, options);
      if (bug === 'skips-fdatasync') return overlaid(file, { sync: () => Promise.resolve() });
      if (!path.endsWith('checkpoint')) return file;
      return overlaid(file, {
        write: (position, buffers) =>
          run.isTruncating ? Promise.resolve() : file.write(position, buffers),
      });
    },
  };
  return { ...environment, disk: overlaid(disk, overlay) };
}
