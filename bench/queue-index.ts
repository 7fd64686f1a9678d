/**
 * What the queue index costs: memory per queue and per entry, speed of building and reading, time of a snapshot and of a
 * restart. `node bench/queue-index.ts --entries 20000000 --queues 50000 --spread uniform|skewed [--directory DIR]`. Building and
 * reading run in one process, the restart in a second one, so that its memory is that of a fresh process.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Environment } from '../common/environment/environment.ts';
import { NodeClock } from '../common/environment/node/node-clock.ts';
import { NodeDisk } from '../common/environment/node/node-disk.ts';
import { NodeRandom } from '../common/environment/node/node-random.ts';
import { NodeTimers } from '../common/environment/node/node-timers.ts';
import { physicalOffset } from '../common/model/offsets.ts';
import { EntryBatch } from '../broker/store/index/core/entry-batch.ts';
import { QueueIndex, type IndexBase } from '../broker/store/index/queue-index.ts';
import { queueIndexOptions } from '../broker/store/index/queue-index-options.ts';
import { SnapshotStore } from '../broker/store/snapshot/snapshot-store.ts';

/** Log bytes per message: a 100-byte body with its record. */
const RECORD_BYTES = 250;
/** Entries appended between two turns of the event loop, as a batch of folded records is. */
const TURN_ENTRIES = 1000;
const SECTION_KIND = 100;
const MIB = 2 ** 20;

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '20000000' },
    queues: { type: 'string', default: '50000' },
    spread: { type: 'string', default: 'uniform' },
    directory: { type: 'string' },
    phase: { type: 'string', default: 'all' },
  },
});
const entries = Number(values.entries);
const queues = Number(values.queues);
const directory = values.directory ?? mkdtempSync(join(tmpdir(), 'orbitmq-queue-index-'));
const environment: Environment = {
  clock: new NodeClock(),
  timers: new NodeTimers(),
  random: new NodeRandom(),
  disk: new NodeDisk(),
};
const now = (): number => environment.clock.monotonicMs();

function show(name: string, value: string): void {
  process.stdout.write(`${name.padEnd(44)} ${value}\n`);
}

function showMemory(name: string): { rss: number; heap: number; buffers: number } {
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const mib = (bytes: number): string => (bytes / MIB).toFixed(1);
  show(
    `memory ${name}`,
    `rss ${mib(rss)}, heap ${mib(heapUsed)}, buffers ${mib(arrayBuffers)} MiB`,
  );
  return { rss, heap: heapUsed, buffers: arrayBuffers };
}

/** A fast deterministic source, so that the bench does not measure its randomness. */
let randomState = 0x9e3779b9;
function random(): number {
  randomState ^= randomState << 13;
  randomState ^= randomState >>> 17;
  randomState ^= randomState << 5;
  return (randomState >>> 0) / 2 ** 32;
}

/** Skewed: half of the messages go to one queue in a thousand, the rest falls off from there. */
function pickQueue(): number {
  const uniform = random();
  return Math.floor(queues * (values.spread === 'skewed' ? uniform ** 10 : uniform));
}

async function open(base?: IndexBase): Promise<QueueIndex> {
  const options = queueIndexOptions({ directory: join(directory, 'index') });
  const result = await QueueIndex.open(options, environment, base);
  if (result.kind === 'damaged') throw new Error(result.reason);
  return result.index;
}

async function appendMany(index: QueueIndex): Promise<void> {
  let slowestTurnMs = 0;
  const startedMs = now();
  for (let i = 0; i < entries;) {
    const turnMs = now();
    for (const end = Math.min(entries, i + TURN_ENTRIES); i < end; i++) {
      const queueNo = pickQueue();
      index.append(queueNo, index.endOffset(queueNo), i * RECORD_BYTES, RECORD_BYTES, i, 0);
    }
    slowestTurnMs = Math.max(slowestTurnMs, now() - turnMs);
    while (index.isSaturated()) await index.relieved();
    await new Promise<void>((resolve) => environment.timers.soon(resolve));
  }
  const seconds = (now() - startedMs) / 1000;
  show('append', `${(entries / seconds / 1e6).toFixed(2)} million/s (${seconds.toFixed(1)} s)`);
  show(`slowest turn of ${TURN_ENTRIES} appends`, `${slowestTurnMs.toFixed(2)} ms`);
}

async function snapshot(index: QueueIndex): Promise<void> {
  const startedMs = now();
  const store = await SnapshotStore.open(join(directory, 'snapshot'), environment.disk);
  const writer = await store.create(physicalOffset(0));
  let slowestChunkMs = 0;
  let bytes = 0;
  const chunks = index.capture(() => entries * RECORD_BYTES);
  for (;;) {
    const chunkMs = now();
    const step = chunks.next();
    slowestChunkMs = Math.max(slowestChunkMs, now() - chunkMs);
    if (step.done === true) break;
    bytes += step.value.length;
    await writer.section(SECTION_KIND, step.value);
  }
  const syncMs = now();
  await index.sync();
  await writer.publish(physicalOffset(entries * RECORD_BYTES));
  const took = `${(now() - startedMs).toFixed(0)} ms, of it ${(now() - syncMs).toFixed(0)} ms syncing`;
  show('snapshot', `${(bytes / MIB).toFixed(1)} MiB in ${took}`);
  show('slowest chunk', `${slowestChunkMs.toFixed(2)} ms`);
}

async function lookUp(index: QueueIndex): Promise<void> {
  const batch = new EntryBatch(32);
  for (const place of ['tail', 'head', 'anywhere'] as const) {
    const micros: number[] = [];
    let fromDisk = 0;
    for (let i = 0; i < 20_000; i++) {
      const queueNo = pickQueue();
      const end = index.endOffset(queueNo);
      const from = { tail: Math.max(0, end - 1), head: 0, anywhere: Math.floor(random() * end) }[
        place
      ];
      const startedMs = now();
      if (index.readSync(queueNo, from, 32, batch) === 'needs-disk') {
        fromDisk++;
        await index.read(queueNo, from, 32, batch);
      }
      micros.push((now() - startedMs) * 1000);
    }
    micros.sort((a, b) => a - b);
    const at = (share: number): string =>
      (micros[Math.floor(micros.length * share)] ?? 0).toFixed(1);
    const percent = `${((100 * fromDisk) / micros.length).toFixed(0)} % from disk`;
    show(`read of 32 at the ${place}`, `p50 ${at(0.5)} µs, p99 ${at(0.99)} µs, ${percent}`);
  }
}

async function build(): Promise<void> {
  const index = await open();
  const before = showMemory('before');
  for (let queueNo = 0; queueNo < queues; queueNo++) index.setMinOffset(queueNo, 0);
  const idle = showMemory(`with ${queues} idle queues`);
  show('bytes per idle queue', ((idle.buffers - before.buffers) / queues).toFixed(0));
  await appendMany(index);
  await index.flush();
  const full = showMemory(`with ${entries / 1e6} million entries`);
  const stats = index.stats();
  const perMillion = stats.pageListBytes / (entries / 1e6) / 1024;
  show('page lists', `${perMillion.toFixed(0)} KiB per million entries`);
  show(
    'tails',
    `${((stats.tailBytes + 0.0) / MIB).toFixed(1)} MiB, in use ${(stats.tailBytesUsed / MIB).toFixed(1)}`,
  );
  show('buffers beyond the queues', `${((full.buffers - idle.buffers) / MIB).toFixed(1)} MiB`);
  show('segments', String(stats.segments));
  await snapshot(index);
  await lookUp(index);
  const startedMs = now();
  const deleted = await index.deleteBefore(Math.floor(entries / 2) * RECORD_BYTES);
  show(
    'retention of half',
    `${(now() - startedMs).toFixed(0)} ms, ${deleted as number} segments deleted`,
  );
  await index.close();
}

async function restart(): Promise<void> {
  const startedMs = now();
  const store = await SnapshotStore.open(join(directory, 'snapshot'), environment.disk);
  const reader = await store.latest();
  if (reader === undefined) throw new Error('there is no snapshot');
  const checkedMs = now() - startedMs;
  async function* chunks(): AsyncGenerator<Buffer> {
    for await (const { payload } of reader!.sections()) yield payload;
  }
  const logStartOffset = Math.floor(entries / 2) * RECORD_BYTES;
  const index = await open({ chunks: chunks(), logStartOffset });
  const took = `${(now() - startedMs).toFixed(0)} ms, of it ${checkedMs.toFixed(0)} ms checking the snapshot`;
  show('restart', took);
  showMemory('after the restart');
  await index.close();
}

if (values.phase === 'restart') {
  await restart();
} else {
  show('entries, queues, spread', `${entries}, ${queues}, ${values.spread}`);
  await build();
  const self = [...process.execArgv, import.meta.filename, ...process.argv.slice(2)];
  const again = ['--phase', 'restart', '--directory', directory];
  process.stdout.write(execFileSync(process.execPath, [...self, ...again]));
  if (values.directory === undefined) rmSync(directory, { recursive: true });
}
