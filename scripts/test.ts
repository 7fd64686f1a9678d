/**
 * `npm test`: runs every check in order and ends with one line, `N passed, N failed, N skipped`.
 * `npm test -- unit tidy` runs only these stages. A check that is not a set of tests (lint, types) counts as one test.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, execPath, exit, stdout } from 'node:process';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Outcome extends Counts {
  /** What a person needs to see; empty when all is well. */
  readonly details: string;
}

interface Stage {
  readonly name: string;
  /** Runs only when it is named: it needs more than Node and npm. */
  readonly isOnRequest?: boolean;
  /** Starts the product as users do, from dist/, which must not be of yesterday. */
  readonly needsBuild?: boolean;
  run(): Promise<Outcome>;
}

/** What we read of jest's JSON report. */
interface JestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  /** Files that failed before their first test. */
  numRuntimeErrorTestSuites: number;
  testResults: { status: string; message: string }[];
}

/** Longer than any stage takes on two busy cores (e2e: 35 minutes); a hanging test must not hang the run. */
const STAGE_TIMEOUT_MS = 45 * 60_000;
/** Of a failing program the end of its output is shown, where the reason stands; of failing tests the first ones. */
const DETAIL_CHARACTERS_MAX = 12_000;

/** More than what a suite of clients and ledgers leaves behind: its process is replaced then. */
const SUITE_MEMORY = '1500MB';

const cores = availableParallelism();
const scratch = mkdtempSync(join(tmpdir(), 'orbitmq-test-'));

const BUILD = 'build';

const stages: readonly Stage[] = [
  { name: 'lint', run: () => check([tool('eslint/bin/eslint.js'), '--max-warnings=0', '.']) },
  { name: 'format', run: () => check([tool('prettier/bin/prettier.cjs'), '--check', '.']) },
  { name: 'types', run: () => check([tool('typescript/bin/tsc'), '--noEmit']) },
  { name: 'tidy', run: () => jest('tidy', cores) },
  { name: 'unit', run: () => jest('unit', cores) },
  { name: 'simulation', run: () => jest('simulation', cores) },
  { name: BUILD, run: () => check(['scripts/build.ts']) },
  // These start processes of their own: one test file at a time leaves them the machine.
  { name: 'integration', needsBuild: true, run: () => jest('integration', 1) },
  { name: 'conformance', needsBuild: true, run: () => jest('conformance', 1) },
  { name: 'e2e', isOnRequest: true, needsBuild: true, run: () => jest('e2e', 1, END_TO_END) },
];

const END_TO_END = [
  // Clients whose node was taken away leave connections that the system gives up after a quarter of an hour.
  '--forceExit',
  // With a limit, jest gives each suite to a process of its own: one that ends badly takes no other with it.
  `--workerIdleMemoryLimit=${SUITE_MEMORY}`,
];

function tool(path: string): string {
  return join('node_modules', path);
}

/** Runs a Node program and resolves with its exit code and its output, both streams together. */
function run(
  command: readonly string[],
  onOutput: (text: string) => void = () => undefined,
): Promise<{ code: number; output: string }> {
  const child = spawn(execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const take = (text: string): void => {
    output = (output + text).slice(-DETAIL_CHARACTERS_MAX);
    onOutput(text);
  };
  child.stdout.setEncoding('utf8').on('data', take);
  child.stderr.setEncoding('utf8').on('data', take);
  const timeout = setTimeout(() => {
    take(`\nstopped after ${STAGE_TIMEOUT_MS / 60_000} minutes\n`);
    child.kill('SIGKILL');
  }, STAGE_TIMEOUT_MS);
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timeout);
      resolve({ code: code ?? 1, output });
    });
  });
}

async function check(command: readonly string[]): Promise<Outcome> {
  const { code, output } = await run(command);
  return code === 0
    ? { passed: 1, failed: 0, skipped: 0, details: '' }
    : { passed: 0, failed: 1, skipped: 0, details: output };
}

async function jest(
  project: string,
  workers: number,
  more: readonly string[] = [],
): Promise<Outcome> {
  const reportFile = join(scratch, `${project}.json`);
  let filesDone = 0;
  const { code, output } = await run(
    [
      ...['--experimental-vm-modules', '--no-warnings', tool('jest/bin/jest.js')],
      ...['--selectProjects', project, '--passWithNoTests', `--maxWorkers=${workers}`],
      ...['--json', `--outputFile=${reportFile}`, ...more],
    ],
    (text) => {
      filesDone += text.match(/^(PASS|FAIL) /gm)?.length ?? 0;
      showProgress(`${project.padEnd(12)} ${filesDone} files`);
    },
  );
  showProgress('');
  return outcomeOf(code, output, readReport(reportFile));
}

function readReport(file: string): JestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as JestReport;
  } catch {
    return undefined; // jest ended before it could write one; its output tells why
  }
}

function outcomeOf(code: number, output: string, report: JestReport | undefined): Outcome {
  if (!report) {
    const isEmpty = code === 0;
    return { passed: 0, failed: isEmpty ? 0 : 1, skipped: 0, details: isEmpty ? '' : output };
  }
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  const messages = report.testResults.filter(({ status }) => status === 'failed');
  // Open handles, failed thresholds: jest is unhappy although each test passed.
  const unexplained = code !== 0 && failed === 0;
  return {
    passed: report.numPassedTests,
    failed: unexplained ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
    details: unexplained ? output : shortened(messages.map(({ message }) => message).join('\n')),
  };
}

function shortened(text: string): string {
  if (text.length <= DETAIL_CHARACTERS_MAX) return text;
  return `${text.slice(0, DETAIL_CHARACTERS_MAX)}\n… ${text.length - DETAIL_CHARACTERS_MAX} characters more`;
}

function showProgress(text: string): void {
  if (stdout.isTTY) stdout.write(`\r\x1b[K${text}`);
}

const describe = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

function selectStages(names: readonly string[]): readonly Stage[] {
  const unknown = names.find((name) => !stages.some((stage) => stage.name === name));
  if (unknown !== undefined) {
    stdout.write(`no stage ${unknown}; there are: ${stages.map(({ name }) => name).join(' ')}\n`);
    exit(2);
  }
  const selected = stages.filter(({ name, isOnRequest }) =>
    names.length === 0 ? isOnRequest !== true : names.includes(name),
  );
  const needsBuild = selected.some((stage) => stage.needsBuild === true);
  return stages.filter((stage) => selected.includes(stage) || (needsBuild && stage.name === BUILD));
}

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
for (const stage of selectStages(argv.slice(2))) {
  const startMs = Date.now();
  const outcome = await stage.run();
  total.passed += outcome.passed;
  total.failed += outcome.failed;
  total.skipped += outcome.skipped;
  const seconds = ((Date.now() - startMs) / 1_000).toFixed(1);
  stdout.write(`${stage.name.padEnd(12)} ${describe(outcome).padEnd(40)} ${seconds} s\n`);
  if (outcome.details !== '') stdout.write(`${outcome.details}\n`);
}
rmSync(scratch, { recursive: true, force: true });
stdout.write(`${describe(total)}\n`);
exit(total.failed === 0 ? 0 : 1);
