/**
 * What replication costs: `npm run bench:replication`. The same load on a group without slaves, with an asynchronous and with
 * a synchronous one, in turns, in one run; then how fast an empty slave catches up. See README.md for how to read it.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AdminClient } from '../cli/client/admin-client.ts';
import { Connection } from '../cli/client/connection.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import { TestCluster } from '../test/support/cluster-launcher.ts';
import { processUsage, type ProcessUsage } from '../test/support/process-usage.ts';
import { LatencyRecorder } from './latency-recorder.ts';
import { measureSend, type MeasuredServer, type Measurement } from './load-cell.ts';
import { MessagingClient, messageIds, OK, SendTemplate } from './messaging-client.ts';

const { values } = parseArgs({
  options: {
    flush: { type: 'string', default: 'async,sync' },
    'in-flight': { type: 'string', default: '1,16,128' },
    bytes: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    /** Size of the log that an empty slave gets; 0 leaves this part out. */
    'catch-up-gib': { type: 'string', default: '5' },
  },
});

const list = (text: string): string[] => text.split(',').filter((item) => item !== '');
const TIMES = { heartbeatExpiryMs: 5_000, inSyncTimeoutMs: 3_000 };
const GROUP = 'broker-a';
const MODES = ['none', 'async', 'sync'] as const;
type Mode = (typeof MODES)[number];

interface Cell {
  readonly measurement: Measurement;
  readonly masterMicros: number;
  readonly slaveMicros: number;
}

function start(mode: Mode, flush: 'sync' | 'async'): Promise<TestCluster> {
  return TestCluster.start({
    ...TIMES,
    ...{ nameServers: 1, replicas: mode === 'none' ? 1 : 2, flush },
    replication: mode === 'none' ? 'async' : mode,
  });
}

async function createTopic(cluster: TestCluster, topic: string): Promise<void> {
  const [nameServer] = cluster.plan.nameServers;
  const plain = { tls: false, tlsInsecure: false, tlsCa: undefined, timeoutMs: 10_000 };
  const endpoint = nameServer === undefined ? '' : formatAddress(nameServer.address);
  const connection = new Connection({ endpoint, ...plain });
  try {
    await new AdminClient(connection).createTopic(topic, { queueCount: 8 });
  } finally {
    connection.close();
  }
}

/** The master as the load reaches it, without the door: that would be measured as well. Remembers what each process used. */
class GroupServer implements MeasuredServer {
  readonly port: number;
  readonly looks: { master: ProcessUsage; slaves: number }[] = [];
  readonly #master: number;
  readonly #slaves: readonly number[];

  constructor(cluster: TestCluster, master: string) {
    const members = cluster.plan.groups[0]?.members ?? [];
    const pidOf = (name: string): number => cluster.node(name).pid ?? 0;
    this.port = cluster.planned(master).address.port;
    this.#master = pidOf(master);
    this.#slaves = members.filter(({ name }) => name !== master).map(({ name }) => pidOf(name));
  }

  usage(): ProcessUsage {
    const master = processUsage(this.#master);
    const slaves = this.#slaves.reduce((sum, pid) => sum + processUsage(pid).cpuMicros, 0);
    this.looks.push({ master, slaves });
    return master;
  }
}

async function measure(cluster: TestCluster, inFlight: number, name: string): Promise<Cell> {
  await createTopic(cluster, name);
  const server = new GroupServer(cluster, await cluster.masterOf(GROUP));
  const measurement = await measureSend({
    ...{ server, topic: name, bodyBytes: Number(values.bytes), inFlight },
    measureMs: Number(values.seconds) * 1_000,
    warmUpMs: 1_000,
  });
  const [from, to] = server.looks;
  const slaveMicros = ((to?.slaves ?? 0) - (from?.slaves ?? 0)) / measurement.messages;
  return { measurement, masterMicros: measurement.serverCpuMicrosPerMessage, slaveMicros };
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

function printRow(texts: readonly string[]): void {
  console.log(texts.map((text) => text.padStart(13)).join('  '));
}

async function compare(flush: 'sync' | 'async'): Promise<void> {
  const clusters = new Map<Mode, TestCluster>();
  try {
    for (const mode of MODES) clusters.set(mode, await start(mode, flush));
    for (const inFlight of list(values['in-flight']).map(Number)) {
      const cells = new Map<Mode, Cell[]>(MODES.map((mode) => [mode, []]));
      for (let round = 0; round < Number(values.rounds); round++) {
        for (const [mode, cluster] of clusters) {
          const name = `bench-${inFlight}-${round}`;
          cells.get(mode)?.push(await measure(cluster, inFlight, name));
        }
      }
      for (const [mode, measured] of cells) {
        const of = (pick: (cell: Cell) => number): number => median(measured.map(pick));
        printRow([
          ...[mode, flush, String(inFlight)],
          of((cell) => cell.measurement.messagesPerSecond).toFixed(0),
          of((cell) => cell.masterMicros).toFixed(1),
          of((cell) => cell.slaveMicros).toFixed(1),
          of((cell) => cell.measurement.latency.p50Ms).toFixed(2),
          of((cell) => cell.measurement.latency.p99Ms).toFixed(2),
        ]);
      }
    }
  } finally {
    for (const cluster of clusters.values()) await cluster.dispose();
  }
}

const FILL_BODY_BYTES = 256 * 1_024;
const FILL_IN_FLIGHT = 8;
const CATCH_UP_TIMEOUT_MS = 30 * 60_000;

/** Sends until the log of the member has this size. */
async function fillLog(
  cluster: TestCluster,
  master: string,
  topic: string,
  bytes: number,
): Promise<void> {
  const { port } = cluster.planned(master).address;
  const template = new SendTemplate(topic, Buffer.alloc(FILL_BODY_BYTES, 'x'));
  const nextId = messageIds();
  let left = Math.ceil(bytes / FILL_BODY_BYTES);
  const worker = async (): Promise<void> => {
    const client = await MessagingClient.open(port);
    try {
      for (; left > 0; left--) {
        const { code, text } = await client.send(template, nextId());
        if (code !== OK) throw new Error(`send: ${code} ${text}`);
      }
    } finally {
      client.close();
    }
  };
  await Promise.all(Array.from({ length: FILL_IN_FLIGHT }, worker));
}

/** Latency of one client that sends one message after the other while `work` goes on. */
async function latencyDuring(port: number, topic: string, work: Promise<unknown>): Promise<string> {
  const recorder = new LatencyRecorder();
  const client = await MessagingClient.open(port);
  const template = new SendTemplate(topic, Buffer.alloc(1_024, 'y'));
  const nextId = messageIds();
  const state = { isOver: false };
  const ended = work.finally(() => (state.isOver = true));
  try {
    while (!state.isOver) {
      const startMs = performance.now();
      await client.send(template, nextId());
      recorder.record(performance.now() - startMs);
    }
    await ended;
  } finally {
    client.close();
  }
  const { p50Ms, p99Ms, p999Ms } = recorder.summary();
  return `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, p99.9 ${p999Ms.toFixed(2)} ms`;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function catchUp(gib: number): Promise<void> {
  const cluster = await start('async', 'async');
  try {
    const master = await cluster.masterOf(GROUP);
    const { members = [] } = cluster.plan.groups[0] ?? {};
    const slave = members.find(({ name }) => name !== master);
    if (slave === undefined) throw new Error('the group has no slave');
    await createTopic(cluster, 'catch-up');
    await cluster.kill(slave.name);
    for (const file of readdirSync(slave.directory)) {
      rmSync(join(slave.directory, file), { recursive: true, force: true });
    }
    await fillLog(cluster, master, 'catch-up', gib * 2 ** 30);
    const { port } = cluster.planned(master).address;
    console.log(`\nsend latency before: ${await latencyDuring(port, 'catch-up', sleep(3_000))}`);
    const pids = [cluster.node(master).pid ?? 0];
    const cpuBefore = pids.map((pid) => processUsage(pid).cpuMicros);
    const startMs = performance.now();
    cluster.node(slave.name).start();
    const whole = cluster.waitUntilWhole(GROUP, CATCH_UP_TIMEOUT_MS);
    const during = await latencyDuring(port, 'catch-up', whole);
    const seconds = (performance.now() - startMs) / 1_000;
    const { logEndOffset = 0 } =
      (await cluster.group(GROUP)).members.find(({ name }) => name === slave.name)?.status ?? {};
    const mib = logEndOffset / 2 ** 20;
    const slavePid = cluster.node(slave.name).pid ?? 0;
    const micros = [
      processUsage(pids[0] ?? 0).cpuMicros - (cpuBefore[0] ?? 0),
      processUsage(slavePid).cpuMicros,
    ];
    const perMib = micros.map((value) => (value / mib).toFixed(0));
    console.log(`send latency during: ${during}`);
    console.log(
      `an empty slave had ${(mib / 1_024).toFixed(2)} GiB after ${seconds.toFixed(1)} s: ${(mib / seconds).toFixed(0)} MiB/s; CPU µs for each MiB: master ${perMib[0] ?? ''}, slave ${perMib[1] ?? ''}`,
    );
    const files = readdirSync(join(slave.directory, 'commitlog'));
    const sizes = files.map((file) => statSync(join(slave.directory, 'commitlog', file)).size);
    console.log(
      `log files of the slave: ${files.length}, ${(sum(sizes) / 2 ** 30).toFixed(2)} GiB`,
    );
  } finally {
    await cluster.dispose();
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

printRow([
  'replication',
  'flush',
  'in flight',
  'msg/s',
  'master µs/msg',
  'slave µs/msg',
  'p50 ms',
  'p99 ms',
]);
for (const flush of list(values.flush)) await compare(flush === 'sync' ? 'sync' : 'async');
const gib = Number(values['catch-up-gib']);
if (gib > 0) await catchUp(gib);
console.log(`\n${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`);
