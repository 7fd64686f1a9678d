/**
 * What the log itself costs, without network or state: records per second and CPU per record for append and group commit,
 * and the rate of a scan.
 *
 *   node bench/append.ts [--bytes 1024] [--seconds 2] [--dir DIR]
 *
 * A waiter appends a record, waits until it is acknowledged (written with flush async, durable with flush sync), and
 * appends the next. CPU is that of the whole process, the threads that write and sync included.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { CommitLog } from '../broker/store/commit-log.ts';
import { HEADER_BYTES } from '../broker/store/record-codec.ts';
import { RecordType } from '../broker/store/record-type.ts';
import { assert } from '../common/assert.ts';
import { nodeEnvironment } from '../common/environment/node/node-environment.ts';
import { physicalOffset } from '../common/model/offsets.ts';

const START = { scanFrom: physicalOffset(0), durableFloor: physicalOffset(0) };
const MIB = 1024 * 1024;

type Flush = 'async' | 'sync';

const { values } = parseArgs({
  options: {
    bytes: { type: 'string', default: '1024' },
    seconds: { type: 'string', default: '2' },
    dir: { type: 'string', default: tmpdir() },
  },
});
const payload = Buffer.alloc(Number(values.bytes) - HEADER_BYTES, 'x');
const seconds = Number(values.seconds);

console.log(
  `records of ${values.bytes} bytes in ${values.dir}, ${seconds} s each, node ${process.version}`,
);
for (const flush of ['async', 'sync'] as const) {
  for (const waiters of [1, 16, 256]) await inDirectory((dir) => append(dir, flush, waiters));
}
await inDirectory(scan);

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(values.dir, 'orbitmq-bench-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function open(directory: string, flush: Flush): Promise<CommitLog> {
  return CommitLog.open(
    {
      directory,
      segmentBytes: 1024 * MIB,
      flush,
      flushIntervalMs: 500,
      cacheBytes: 64 * MIB,
      batchBytesMax: 4 * MIB,
      pendingBytesMax: 64 * MIB,
    },
    nodeEnvironment(),
    START,
  );
}

function appendOne(log: CommitLog): number {
  const offset = log.append(
    RecordType.Message,
    0,
    payload.length,
    (buffer, at) => void payload.copy(buffer, at),
  );
  assert(typeof offset === 'number', `append answered ${offset}`);
  return offset;
}

async function append(directory: string, flush: Flush, waiters: number): Promise<void> {
  const log = await open(directory, flush);
  const ends: number[] = [];
  let count = 0;
  let isOver = false;
  const one = (): void => void ends.push(appendOne(log) + HEADER_BYTES + payload.length);
  log.onAdvance(() => {
    const line = flush === 'sync' ? log.durableOffset : log.writtenOffset;
    let done = 0;
    while (done < ends.length && (ends[done] ?? 0) <= line) done += 1;
    if (done === 0) return;
    ends.splice(0, done);
    count += done;
    for (let index = 0; index < done && !isOver; index += 1) one();
  });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const cpu = process.cpuUsage();
  const loop = performance.eventLoopUtilization();
  const startMs = performance.now();
  for (let index = 0; index < waiters; index += 1) one();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  isOver = true;
  const elapsedMs = performance.now() - startMs;
  const { active } = performance.eventLoopUtilization(loop);
  const used = process.cpuUsage(cpu);
  delay.disable();
  const rate = (count / elapsedMs) * 1000;
  print(`append ${flush} ${String(waiters).padStart(3)} waiters`, [
    `${Math.round(rate)} records/s`,
    `${((rate * (payload.length + HEADER_BYTES)) / MIB).toFixed(0)} MiB/s`,
    `${((used.user + used.system) / count).toFixed(1)} µs CPU (${((active / count) * 1000).toFixed(1)} µs event loop) per record`,
    `${((waiters / rate) * 1000).toFixed(2)} ms to the acknowledgement on average`,
    `loop delay p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, max ${(delay.max / 1e6).toFixed(1)} ms`,
  ]);
  await log.close();
}

async function scan(directory: string): Promise<void> {
  const total = 1024 * MIB;
  const log = await open(directory, 'async');
  while (log.endOffset < total) {
    for (let index = 0; index < 1000; index += 1) appendOne(log);
    if (log.endOffset - log.writtenOffset > 32 * MIB) await log.sync();
    else await new Promise((resolve) => setImmediate(resolve));
  }
  await log.sync();
  await log.close();
  const startMs = performance.now();
  const again = await open(directory, 'async');
  const openMs = performance.now() - startMs;
  print('open after close, whole log scanned', [
    `${again.recovery.recordsScanned} records`,
    `${(total / MIB / (openMs / 1000)).toFixed(0)} MiB/s`,
  ]);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const cpu = process.cpuUsage();
  const scanStartMs = performance.now();
  let records = 0;
  for await (const slice of again.scan(again.startOffset)) records += slice.length;
  const scanMs = performance.now() - scanStartMs;
  const used = process.cpuUsage(cpu);
  print('scan', [
    `${records} records`,
    `${(total / MIB / (scanMs / 1000)).toFixed(0)} MiB/s`,
    `${((used.user + used.system) / records).toFixed(2)} µs CPU per record`,
    `loop delay p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, max ${(delay.max / 1e6).toFixed(1)} ms`,
  ]);
  await again.close();
}

function print(what: string, figures: string[]): void {
  console.log(`${what.padEnd(36)} ${figures.join(', ')}`);
}
