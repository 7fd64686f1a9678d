/**
 * Measures a standalone node, a process of its own, from the outside: `npm run bench`. See README.md for how to read it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { OrbitMqProcess } from '../test/support/orbitmq-process.ts';
import { readProfile } from './cpu-profile.ts';
import {
  measureReceiveAndAck,
  measureSend,
  type CellOptions,
  type Measurement,
} from './load-cell.ts';

const { values } = parseArgs({
  options: {
    flush: { type: 'string', default: 'async,sync' },
    sizes: { type: 'string', default: '100,1024,10240' },
    'in-flight': { type: 'string', default: '1,16,256' },
    seconds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '2' },
    /** Directory on the disk to be measured; the system's temporary directory otherwise. */
    directory: { type: 'string', default: tmpdir() },
    /** File for the results as JSON. */
    json: { type: 'string' },
    /** Also writes a CPU profile of the server for each flush mode and prints its top ten. */
    profile: { type: 'boolean', default: false },
  },
});

interface Row extends Measurement {
  readonly flush: string;
  readonly operation: 'send' | 'receive+ack';
  readonly bodyBytes: number;
  readonly inFlight: number;
}

const list = (text: string): string[] => text.split(',').filter((item) => item !== '');
const numbers = (text: string): number[] => list(text).map(Number);

const COLUMNS: readonly (readonly [string, (row: Row) => string])[] = [
  ['flush', (row) => row.flush],
  ['operation', (row) => row.operation],
  ['bytes', (row) => String(row.bodyBytes)],
  ['in flight', (row) => String(row.inFlight)],
  ['msg/s', (row) => row.messagesPerSecond.toFixed(0)],
  ['server CPU µs/msg', (row) => row.serverCpuMicrosPerMessage.toFixed(1)],
  ['p50 ms', (row) => row.latency.p50Ms.toFixed(2)],
  ['p99 ms', (row) => row.latency.p99Ms.toFixed(2)],
  ['p99.9 ms', (row) => row.latency.p999Ms.toFixed(2)],
  ['RSS MiB', (row) => row.residentMib.toFixed(0)],
  ['client CPU %', (row) => row.clientCpuPercent.toFixed(0)],
  ['errors', (row) => String(row.errors)],
];

const cellsOf = (texts: readonly string[]): string =>
  texts
    .map((text, index) => text.padStart(Math.max(COLUMNS[index]?.[0].length ?? 0, 11)))
    .join('  ');

async function measureMode(flush: string): Promise<Row[]> {
  const dataDirectory = join(values.directory, `orbitmq-bench-${process.pid}-${flush}`);
  const profileDirectory = `${dataDirectory}-profile`;
  mkdirSync(dataDirectory, { recursive: true });
  const profiling = ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`];
  const server = await OrbitMqProcess.start({
    directory: dataDirectory,
    flags: ['--flush', flush, '--group-start-position', 'earliest', '--log-level', 'warn'],
    ...(values.profile ? { nodeFlags: profiling } : {}),
  });
  const rows: Row[] = [];
  try {
    for (const bodyBytes of numbers(values.sizes)) {
      for (const inFlight of numbers(values['in-flight'])) {
        for (const row of await measureCell(server, flush, bodyBytes, inFlight)) rows.push(row);
      }
    }
    await server.stop(); // an orderly end writes the profile
    if (values.profile) printProfile(profileDirectory);
  } finally {
    await server.dispose();
    rmSync(dataDirectory, { recursive: true, force: true });
    rmSync(profileDirectory, { recursive: true, force: true });
  }
  return rows;
}

async function measureCell(
  server: OrbitMqProcess,
  flush: string,
  bodyBytes: number,
  inFlight: number,
): Promise<Row[]> {
  const cell: CellOptions = {
    server,
    topic: `bench-${bodyBytes}-${inFlight}`,
    bodyBytes,
    inFlight,
    measureMs: Number(values.seconds) * 1_000,
    warmUpMs: Number(values['warm-up']) * 1_000,
  };
  const sent: Row = { flush, operation: 'send', bodyBytes, inFlight, ...(await measureSend(cell)) };
  print(sent);
  const half = { ...cell, warmUpMs: cell.warmUpMs / 2 }; // there is only so much to receive
  const received: Row = {
    flush,
    operation: 'receive+ack',
    bodyBytes,
    inFlight,
    ...(await measureReceiveAndAck(half)),
  };
  print(received);
  return [sent, received];
}

function print(row: Row): void {
  console.log(cellsOf(COLUMNS.map(([, format]) => format(row))));
}

function printProfile(directory: string): void {
  const { functions, parts } = readProfile(directory);
  console.log('\nwhere the server spends its time, by function (self time):');
  for (const { name, percent } of functions.slice(0, 10))
    console.log(`${percent.toFixed(1).padStart(6)} %  ${name}`);
  console.log('\nby part of the program:');
  for (const { name, percent } of parts.slice(0, 10))
    console.log(`${percent.toFixed(1).padStart(6)} %  ${name}`);
  console.log('');
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown'; // not a clone
  }
}

const rows: Row[] = [];
console.log(cellsOf(COLUMNS.map(([title]) => title)));
for (const flush of list(values.flush)) rows.push(...(await measureMode(flush)));
const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGib: Math.round(totalmem() / 2 ** 30),
  node: process.version,
};
const report = { commit: commit(), at: new Date().toISOString(), machine, rows };
console.log(
  `\n${report.commit}, ${machine.cores} × ${machine.cpu}, ${machine.memoryGib} GiB, Node ${machine.node}`,
);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
