import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { freePort } from './free-port.ts';
import { waitFor } from './wait-for.ts';

const RULES = resolve('charts/orbitmq/files/alerts.yaml');
const SCRAPE_INTERVAL = '1s';
/** Alerts last minutes, so that a passing fault wakes nobody; here a fault is seen at once. */
const HELD = '2s';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const LOG_CHARACTERS_MAX = 20_000;

/** Why there is no Prometheus here; undefined when there is. */
export const MISSING_PROMETHEUS =
  spawnSync('prometheus', ['--version']).status === 0
    ? undefined
    : 'no prometheus on this machine (Debian: apt-get install prometheus)';

/** Addresses by name of the job. */
export type ScrapeJobs = Readonly<Record<string, readonly string[]>>;

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

interface QueryAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly { metric: Record<string, string>; value: [number, string] }[];
  };
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly object[] }[];
}

/** A real Prometheus that scrapes once a second and has the rules of the chart. */
export class Prometheus {
  readonly #directory: string;
  readonly #child: ChildProcess;
  readonly #url: string;
  #log = '';

  private constructor(directory: string, port: number) {
    this.#directory = directory;
    this.#url = `http://127.0.0.1:${port}`;
    this.#child = spawn(
      'prometheus',
      [
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-LOG_CHARACTERS_MAX);
    });
  }

  static async start(jobs: ScrapeJobs): Promise<Prometheus> {
    const directory = mkdtempSync(join(tmpdir(), 'prometheus-'));
    writeFileSync(join(directory, 'alerts.yaml'), quickRules());
    writeFileSync(join(directory, 'prometheus.yml'), configuration(jobs));
    const prometheus = new Prometheus(directory, await freePort());
    try {
      await waitFor('Prometheus to be ready', START_TIMEOUT_MS, () => prometheus.#isReady(), 200);
    } catch (error) {
      const failure = new Error(`${(error as Error).message}\n${prometheus.#log}`);
      await prometheus.dispose();
      throw failure;
    }
    return prometheus;
  }

  async query(expr: string): Promise<readonly Sample[]> {
    const response = await fetch(`${this.#url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: expr }),
    });
    const { status, error, data } = (await response.json()) as QueryAnswer;
    if (status !== 'success') throw new Error(`${expr}: ${error ?? status}`);
    return (data?.result ?? []).map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** Names of the alerts that fire now. */
  async firing(): Promise<readonly string[]> {
    const samples = await this.query('ALERTS{alertstate="firing"}');
    return [...new Set(samples.map(({ metric }) => metric['alertname'] ?? ''))].sort();
  }

  async dispose(): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = new Promise((done) => this.#child.once('close', done));
      this.#child.kill('SIGTERM');
      const impatience = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(impatience);
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #isReady(): Promise<true | undefined> {
    if (this.#child.exitCode !== null) throw new Error(`Prometheus has ended\n${this.#log}`);
    try {
      const response = await fetch(`${this.#url}/-/ready`);
      return response.ok ? true : undefined;
    } catch {
      return undefined; // it does not listen yet
    }
  }
}

function quickRules(): string {
  const { groups } = parse(readFileSync(RULES, 'utf8')) as RuleFile;
  const quick = groups.map((group) => ({
    ...group,
    rules: group.rules.map((rule) => ({ ...rule, for: HELD })),
  }));
  return stringify({ groups: quick });
}

function configuration(jobs: ScrapeJobs): string {
  return stringify({
    global: { scrape_interval: SCRAPE_INTERVAL, evaluation_interval: SCRAPE_INTERVAL },
    rule_files: ['alerts.yaml'],
    scrape_configs: Object.entries(jobs).map(([job_name, targets]) => ({
      job_name,
      honor_labels: true,
      static_configs: [{ targets }],
    })),
  });
}
