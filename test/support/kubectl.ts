/** kubectl against the Kubernetes that KUBECONFIG, or this machine, has. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import type { Condition } from '../../operator/kube/core/conditions.ts';
import { waitFor } from './wait-for.ts';

const LOCAL = join(env['KUBE_CACHE'] ?? join(homedir(), '.cache/local-kube'), 'bin/kubectl');
const KUBECTL = existsSync(LOCAL) ? LOCAL : 'kubectl';
const TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 64 * 2 ** 20;

export interface Outcome {
  readonly isGood: boolean;
  readonly output: string;
}

/** Any object, as JSON has it. */
export interface LiveObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>> & { conditions?: readonly Condition[] };
}

export function tryKubectl(words: readonly string[], input?: string): Outcome {
  const { status, stdout, stderr } = spawnSync(KUBECTL, words, {
    ...{ encoding: 'utf8', timeout: TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX },
    ...(input !== undefined && { input }),
  });
  return { isGood: status === 0, output: status === 0 ? stdout : `${stdout}${stderr}` };
}

export function kubectl(...words: readonly string[]): string {
  const { isGood, output } = tryKubectl(words);
  if (!isGood) throw new Error(`kubectl ${words.join(' ')}: ${output}`);
  return output;
}

/** Objects in the form of JSON, one or many. */
export function apply(objects: readonly object[]): Outcome {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  return tryKubectl(['apply', '-f', '-'], JSON.stringify(list));
}

export function objectsOf(namespace: string, kind: string, selector = ''): LiveObject[] {
  const words = ['get', kind, '-n', namespace, '-o', 'json', ...(selector ? ['-l', selector] : [])];
  return (JSON.parse(kubectl(...words)) as { items: LiveObject[] }).items;
}

export function conditionOf(namespace: string, kind: string, name: string, type: string): string {
  const found = objectsOf(namespace, kind).find(({ metadata }) => metadata.name === name);
  const condition = found?.status?.conditions?.find((one) => one.type === type);
  return condition === undefined ? 'none' : `${condition.status} ${condition.reason}`;
}

const LOOK_MS = 1_000;

/** Looks once a second. */
export async function until(isSo: () => boolean, timeoutMs: number): Promise<void> {
  await waitFor(isSo.toString(), timeoutMs, () => (isSo() ? true : undefined), LOOK_MS);
}

export async function untilCondition(
  [namespace, kind, name]: readonly [string, string, string],
  type: string,
  wanted: RegExp,
  timeoutMs: number,
): Promise<void> {
  await until(() => wanted.test(conditionOf(namespace, kind, name, type)), timeoutMs);
}

/** Why clusters cannot be made here; undefined when an operator is installed and can be asked. */
export function missingOperator(): string | undefined {
  const { isGood } = tryKubectl(['get', 'crd', 'brokerclusters.orbitmq.io', '-o', 'name']);
  if (!isGood) return 'no Kubernetes with our definitions: set KUBECONFIG and install the chart';
  const words = ['get', 'pods', '-A', '-l', 'app.kubernetes.io/component=operator', '-o', 'name'];
  const operator = tryKubectl(words);
  return operator.isGood && operator.output.trim() !== '' ? undefined : 'no operator is installed';
}
