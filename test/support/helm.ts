import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { env } from 'node:process';
import { parseAllDocuments } from 'yaml';

export const CHART = resolve('charts/orbitmq');

/** Where a local Kubernetes keeps its programs. */
const LOCAL_HELM = join(env['KUBE_CACHE'] ?? join(homedir(), '.cache/local-kube'), 'bin/helm');
const HELM = existsSync(LOCAL_HELM) ? LOCAL_HELM : 'helm';
const TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 32 * 2 ** 20;
const KUBE_VERSION = '1.34.0';

/** Why charts cannot be rendered here; undefined when they can. */
export const MISSING_HELM =
  spawnSync(HELM, ['version']).status === 0 ? undefined : 'no helm on this machine';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export function helm(...words: readonly string[]): { isGood: boolean; output: string } {
  const { status, stdout, stderr } = spawnSync(HELM, words, {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return { isGood: status === 0, output: status === 0 ? stdout : `${stdout}${stderr}` };
}

/** Helm takes a second on a busy machine, and many tests look at the same objects. */
const rendered = new Map<string, readonly Manifest[]>();

/** The objects of a release `mq` in namespace `queue`, hooks included. */
export function render(words: readonly string[], chart = CHART): readonly Manifest[] {
  const key = JSON.stringify([words, chart]);
  const known = rendered.get(key) ?? renderAnew(words, chart);
  rendered.set(key, known);
  return known;
}

function renderAnew(words: readonly string[], chart: string): Manifest[] {
  const { isGood, output } = helm(
    ...['template', 'mq', chart, '--namespace', 'queue', '--kube-version', KUBE_VERSION],
    ...words,
  );
  if (!isGood) throw new Error(output);
  return parseAllDocuments(output)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

/** What a person reads after the installation: `helm template` leaves it out, so here it is made an object of a copy. */
export function renderNotes(words: readonly string[]): string {
  const copy = mkdtempSync(join(tmpdir(), 'orbitmq-chart-'));
  try {
    cpSync(CHART, copy, { recursive: true });
    const notes = readFileSync(join(CHART, 'templates/NOTES.txt'), 'utf8');
    writeFileSync(
      join(copy, 'templates/notes.yaml'),
      `{{- define "notes" -}}${notes}{{- end -}}\nkind: Notes\ntext: {{ include "notes" . | toJson }}\n`,
    );
    const found = render(words, copy).find(({ kind }) => kind === 'Notes');
    return String(found?.['text']);
  } finally {
    rmSync(copy, { recursive: true });
  }
}
