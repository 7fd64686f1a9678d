import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import type { AlertCase } from './alert-cases.ts';

const RULES = resolve('charts/orbitmq/files/alerts.yaml');
const TIMEOUT_MS = 60_000;

/** Why rules cannot be checked here; undefined when they can. */
export const MISSING_PROMTOOL =
  spawnSync('promtool', ['--version']).status === 0
    ? undefined
    : 'no promtool on this machine (Debian: apt-get install prometheus)';

/** Runs promtool; `output` is everything that it wrote. */
export function promtool(...words: readonly string[]): { isGood: boolean; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', words, {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  return { isGood: status === 0, output: `${stdout}${stderr}` };
}

/** One file for all cases: a mistake in one of them names it. */
export function testRules(cases: readonly AlertCase[]): { isGood: boolean; output: string } {
  const directory = mkdtempSync(join(tmpdir(), 'orbitmq-rules-'));
  try {
    const file = join(directory, 'alerts.test.yaml');
    writeFileSync(file, stringify({ rule_files: [RULES], tests: cases.flatMap(sceneTests) }));
    return promtool('test', 'rules', file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export const checkRules = (): { isGood: boolean; output: string } =>
  promtool('check', 'rules', RULES);

function sceneTests({ alert, labels, fires, calm }: AlertCase): object[] {
  const firing = `ALERTS{alertname="${alert}", alertstate="firing"}`;
  // The severity is the business of the rule; that there is one is checked elsewhere.
  const expr = `sum without (severity, alertname, alertstate) (${firing})`;
  const expected = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  const samples = [{ labels: `{${expected.join(', ')}}`, value: 1 }];
  return [
    { name: `${alert} fires`, scene: fires, samples },
    { name: `${alert} is calm`, scene: calm, samples: [] },
  ].map(({ name, scene, samples: exp_samples }) => ({
    interval: '1m',
    name,
    input_series: Object.entries(scene.series).map(([series, values]) => ({ series, values })),
    promql_expr_test: [{ expr, eval_time: `${scene.at}m`, exp_samples }],
  }));
}
