import { execFileSync, spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { loadScenarios, type Scenario } from './scenario-registry.ts';

const USAGE =
  'npm run simulate -- --scenario NAME|all --seeds COUNT --from SEED [--jobs PROCESSES] [--keep-going] [--bug NAME]';

const PROGRESS_INTERVAL_MS = 5_000;

interface Options {
  scenarios: Scenario[];
  seedCount: number;
  fromSeed: number;
  /** Processes that share the seeds. */
  jobs: number;
  keepsGoing: boolean;
  /** Planted in the product. */
  bug: string | undefined;
}

/** Runs scenarios over many seeds, and says how to repeat each failure. */
async function main(): Promise<void> {
  const options = await readOptions();
  let failureCount = 0;
  for (const scenario of options.scenarios)
    failureCount += await (options.jobs > 1 ? shareOut : runScenario)(scenario, options);
  process.exitCode = failureCount === 0 ? 0 : 1;
}

/** Each process takes a range of its own; those that find nothing go on when another one has found something. */
async function shareOut(scenario: Scenario, options: Options): Promise<number> {
  const { seedCount, fromSeed, jobs, keepsGoing, bug } = options;
  const failures = Array.from({ length: jobs }, (_, job) => {
    const start = fromSeed + Math.floor((seedCount * job) / jobs);
    const end = fromSeed + Math.floor((seedCount * (job + 1)) / jobs);
    if (start === end) return Promise.resolve(0);
    const range = ['--seeds', String(end - start), '--from', String(start)];
    const rest = [
      ...(keepsGoing ? ['--keep-going'] : []),
      ...(bug === undefined ? [] : ['--bug', bug]),
    ];
    return runProcess(['--scenario', scenario.name, ...range, ...rest]);
  });
  return (await Promise.all(failures)).reduce((sum, count) => sum + count, 0);
}

/** 1 when something failed in it. */
function runProcess(args: readonly string[]): Promise<number> {
  const script = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve(code === 0 ? 0 : 1);
    });
  });
}

async function runScenario(scenario: Scenario, options: Options): Promise<number> {
  const startMs = Date.now();
  const endSeed = options.fromSeed + options.seedCount;
  let failureCount = 0;
  let reportedMs = startMs;
  for (let seed = options.fromSeed; seed < endSeed; seed++) {
    const failure = await runSeed(scenario, seed, options.bug);
    if (failure !== undefined) {
      failureCount++;
      report(scenario, seed, failure);
      if (!options.keepsGoing) return failureCount;
    }
    if (Date.now() - reportedMs >= PROGRESS_INTERVAL_MS) {
      reportedMs = Date.now();
      console.log(`${scenario.name}: ${seed + 1 - options.fromSeed} of ${options.seedCount} seeds`);
    }
  }
  const seconds = ((Date.now() - startMs) / 1_000).toFixed(1);
  const outcome = failureCount === 0 ? 'all hold' : `${failureCount} fail`;
  console.log(
    `${scenario.name}: ${options.seedCount} seeds from ${options.fromSeed}, ${outcome}, ${seconds} s`,
  );
  return failureCount;
}

/** An error's stack costs more than most of what a node does in an event, and only of a failure anybody reads it. */
async function runSeed(scenario: Scenario, seed: number, bug?: string): Promise<unknown> {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const failure = await outcomeOf(scenario, seed, bug);
  Error.stackTraceLimit = limit;
  if (failure === undefined) return undefined;
  const again = await outcomeOf(scenario, seed, bug);
  return again ?? new Error('it failed, and not when it was repeated', { cause: failure });
}

/** What went wrong, in the scenario or in a promise of it that nobody waited for. */
async function outcomeOf(scenario: Scenario, seed: number, bug?: string): Promise<unknown> {
  let stray: unknown;
  const onStray = (reason: unknown): void => void (stray ??= reason ?? new Error('rejected'));
  process.on('unhandledRejection', onStray);
  try {
    await (bug === undefined ? scenario.run(seed) : scenario.runPlanted?.(seed, bug));
    return stray;
  } catch (error) {
    return error ?? new Error('rejected without a reason');
  } finally {
    process.off('unhandledRejection', onStray);
  }
}

function report(scenario: Scenario, seed: number, failure: unknown): void {
  const { stack, story, cause } = failure as { stack?: string; story?: string; cause?: unknown };
  console.log(`FAILED SCENARIO=${scenario.name} SEED=${seed} COMMIT=${commit()}`);
  console.log(stack ?? String(failure));
  if (cause !== undefined) console.log('caused by', (cause as { stack?: string }).stack ?? cause);
  if (story !== undefined) console.log(story);
  console.log('repeat it with');
  console.log(`  npm run simulate -- --scenario ${scenario.name} --seeds 1 --from ${seed}`);
}

/** The commit that failed; a seed means the same story only with the same code. */
function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    // Not a clone, or no git here.
    return 'unknown';
  }
}

async function readOptions(): Promise<Options> {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string', default: 'all' },
      seeds: { type: 'string', default: '100' },
      from: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '1' },
      bug: { type: 'string' },
      'keep-going': { type: 'boolean', default: false },
    },
  });
  const all = await loadScenarios();
  const scenarios = all.filter(({ name }) => values.scenario === 'all' || name === values.scenario);
  if (scenarios.length === 0) {
    const names = all.map(({ name }) => name).join(', ');
    throw new Error(`no scenario '${values.scenario}', there are: ${names}\nusage: ${USAGE}`);
  }
  return {
    scenarios,
    seedCount: positiveInteger(values.seeds, '--seeds'),
    fromSeed: positiveInteger(values.from, '--from'),
    jobs: positiveInteger(values.jobs, '--jobs'),
    keepsGoing: values['keep-going'],
    bug: values.bug,
  };
}

function positiveInteger(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`${option} takes a positive integer, not '${text}'\nusage: ${USAGE}`);
  }
  return value;
}

await main();
