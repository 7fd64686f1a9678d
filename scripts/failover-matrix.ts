/**
 * `npm run failover-matrix -- --runs 10`: every fault that may befall a cluster of real processes, under load of an official
 * client, many times, with sync and with async replication. Prints what was promised and broken, and how long nobody was
 * served. Ends with 1 when a promise was broken.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FAULTS, type Fault } from '../test/support/cluster-faults.ts';
import { TestCluster } from '../test/support/cluster-launcher.ts';
import { ClusterNetwork } from '../test/support/cluster-network.ts';
import { runFault, type FaultReport } from '../test/support/run-fault.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    modes: { type: 'string', default: 'sync,async' },
    /** Only faults whose name matches. */
    only: { type: 'string', default: '' },
    replicas: { type: 'string', default: '2' },
    expiry: { type: 'string', default: '5000' },
    'in-sync-timeout': { type: 'string', default: '3000' },
    /** No run begins after so long; what is done by then is printed. */
    minutes: { type: 'string', default: '600' },
    /** One line of JSON for each run is added to this file. */
    report: { type: 'string', default: '' },
    /** Stop at the first run that fails, and leave its data. */
    bail: { type: 'boolean', default: false },
  },
});

const RUNS = Number(values.runs);
const TIMES = {
  heartbeatExpiryMs: Number(values.expiry),
  inSyncTimeoutMs: Number(values['in-sync-timeout']),
};
/** Room for the logs of many runs, little enough to be filled at once. */
const DISK_BYTES = 512 * 1024 * 1024;

type Mode = 'sync' | 'async';
interface Line {
  readonly mode: Mode;
  readonly fault: string;
  readonly reports: FaultReport[];
  readonly failures: string[];
}

const reasonToSkip = ClusterNetwork.reasonToSkip();
if (reasonToSkip !== undefined) console.log(`no isolation: ${reasonToSkip}`);
const faults = FAULTS.filter(({ name }) => new RegExp(values.only, 'i').test(name)).filter(
  ({ needsNetwork }) => needsNetwork !== true || reasonToSkip === undefined,
);

let failureCount = 0;

async function start(mode: Mode): Promise<TestCluster> {
  return TestCluster.start({
    ...TIMES,
    replication: mode,
    replicas: Number(values.replicas),
    flush: mode,
    hasNetwork: reasonToSkip === undefined,
    ...(process.getuid?.() === 0 && { diskBytes: DISK_BYTES }),
  });
}

async function runMode(mode: Mode): Promise<Line[]> {
  const lines = faults.map((fault): Line => ({
    mode,
    fault: fault.name,
    reports: [],
    failures: [],
  }));
  const endMs = performance.now() + Number(values.minutes) * 60_000;
  let cluster = await start(mode);
  try {
    for (let run = 0; run < RUNS; run++) {
      for (const [index, fault] of faults.entries()) {
        if (performance.now() > endMs) return lines;
        const isWell = await runOnce(cluster, fault, `run-${run}-${index}`, lines[index] as Line);
        if (isWell) continue;
        if (values.bail) throw new Error('stopped at the first failure');
        // Nobody knows what state it is in: the next fault gets a new one.
        await cluster.dispose();
        cluster = await start(mode);
      }
    }
    return lines;
  } finally {
    await cluster.dispose();
  }
}

async function runOnce(
  cluster: TestCluster,
  fault: Fault,
  name: string,
  line: Line,
): Promise<boolean> {
  const title = `${line.mode.padEnd(5)} ${fault.name}`;
  try {
    const report = await runFault({ cluster, group: 'broker-a', fault, name, ...TIMES });
    line.reports.push(report);
    if (values.report !== '') {
      const entry = { mode: line.mode, ...report, failures: Object.fromEntries(report.failures) };
      appendFileSync(values.report, `${JSON.stringify(entry)}\n`);
    }
    const { unavailableMs, acknowledged, lost, redelivered, problems, transition } = report;
    const phases = transition?.phases.map((phase) => `${phase.name} ${phase.durationMs}`) ?? [];
    console.log(
      `${title}: ${unavailableMs} ms, ${acknowledged} acknowledged, ${lost} lost, ${redelivered} again; ${phases.join(', ')}`,
    );
    if (report.remark !== undefined) console.log(`    ${report.remark}`);
    for (const problem of problems.slice(0, 10)) console.log(`    PROBLEM ${problem}`);
    for (const [reason, count] of report.failures) console.log(`    ${count} × ${reason}`);
    if (problems.length > 0) line.failures.push(problems[0] ?? '');
    return problems.length === 0;
  } catch (error) {
    const file = join(tmpdir(), `cluster-failure-${process.pid}-${++failureCount}.txt`);
    writeFileSync(file, cluster.explained(error).message);
    console.log(`${title}: FAILED, ${(error as Error).message}; all logs: ${file}`);
    line.failures.push((error as Error).message);
    return false;
  }
}

function percentile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}

function print(lines: readonly Line[]): void {
  const rows = lines.map(({ mode, fault, reports, failures }) => {
    const gaps = reports.map(({ unavailableMs }) => unavailableMs).sort((a, b) => a - b);
    const sum = (of: (report: FaultReport) => number): number =>
      reports.reduce((total, report) => total + of(report), 0);
    return [
      ...[mode, fault, `${reports.length - failures.length}/${reports.length}`],
      ...[`${percentile(gaps, 0.5)}`, `${gaps.at(-1) ?? '-'}`],
      ...[`${sum(({ acknowledged }) => acknowledged)}`, `${sum(({ lost }) => lost)}`],
      `${sum(({ redelivered }) => redelivered)}`,
    ];
  });
  const header = ['mode', 'fault', 'passed', 'p50 ms', 'worst ms', 'acked', 'lost', 'again'];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  console.log('');
  for (const row of [header, ...rows]) {
    console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  }
}

// Networks and file systems are taken down on the way out; the processes see that we are gone.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const lines: Line[] = [];
for (const mode of values.modes.split(',')) {
  if (mode !== 'sync' && mode !== 'async') throw new Error(`no such mode: ${mode}`);
  lines.push(...(await runMode(mode)));
}
print(lines);
process.exitCode = lines.some(({ failures }) => failures.length > 0) ? 1 : 0;
