import { appendFileSync } from 'node:fs';
import { env } from 'node:process';
import { buildImage } from '../container-engine.ts';
import { KubeNamespace, OPERATOR_NAMESPACE } from './kube-namespace.ts';
import { localKube, mustRun, nodeNames } from './local-kube.ts';
import { isDone, noteDone } from './run-folder.ts';

export const IMAGE = 'orbitmq-e2e:test';
/** The same content under another name: what an upgrade of the nodes needs. */
export const OTHER_IMAGE = 'orbitmq-e2e:other';
export const CHART = 'charts/orbitmq';
export const RELEASE = 'mq';
const INSTALL_TIMEOUT_SECONDS = 180;
/** Of all that is done before the first test, on a machine that has the base image and the programs. */
export const RELEASE_TIMEOUT_MS = 20 * 60_000;
/** For development: the image that is there is the one to test. */
const HAS_IMAGE = env['ORBITMQ_E2E_IMAGE'] === 'there';

/** Brings Kubernetes up, builds the image and puts it on the nodes, once a run; installs the operator if it is not there. */
export async function installRelease(): Promise<void> {
  await localKube.up();
  if (!HAS_IMAGE && !isDone('image-is-loaded')) {
    await buildImage(IMAGE);
    await localKube.loadImage(IMAGE);
    noteDone('image-is-loaded');
  }
  await helmUpgrade();
}

export const provideOtherImage = (): Promise<void> => localKube.tagImage(IMAGE, OTHER_IMAGE);

/** `helm upgrade --install` of the chart with our image, and waits for it. */
export async function helmUpgrade(...words: readonly string[]): Promise<void> {
  const [repository = '', tag = ''] = IMAGE.split(':');
  const seconds = `${INSTALL_TIMEOUT_SECONDS}s`;
  await mustRun(
    'helm',
    [
      ...['upgrade', '--install', RELEASE, CHART, '--namespace', OPERATOR_NAMESPACE],
      ...['--create-namespace', '--wait', '--timeout', seconds],
      ...['--set', `image.repository=${repository}`, '--set', `image.tag=${tag}`],
      ...['--set', 'image.pullPolicy=IfNotPresent', ...words],
    ],
    { timeoutMs: (INSTALL_TIMEOUT_SECONDS + 10) * 1_000 },
  );
}

/** The operator that leads: its pod and the first word of its identity in the lease. */
export async function leadingOperator(): Promise<string> {
  const holder = await mustRun('kubectl', [
    ...['--namespace', OPERATOR_NAMESPACE, 'get', 'leases'],
    ...['--output', 'jsonpath={.items[0].spec.holderIdentity}'],
  ]);
  return holder.split('_')[0] ?? '';
}

const LEADS_WITHIN_MS = 60_000;
/** One to have a pod there, and one for that pod to lead, unless another one is faster. */
const REPLACEMENTS_MAX = 5;

/** Has the operator that leads run on this node, and the other one elsewhere. */
export async function haveOperatorLeadOn(node: string, left = REPLACEMENTS_MAX): Promise<void> {
  const system = KubeNamespace.existing(OPERATOR_NAMESPACE);
  const leader = await leadingOperator();
  const pods = await system.list('pods', '--selector', 'app.kubernetes.io/component=operator');
  const onNode = pods.filter(({ spec }) => (spec as { nodeName?: string }).nodeName === node);
  if (onNode.some(({ metadata }) => metadata.name === leader)) return;
  if (left === 0) throw new Error(`no operator on ${node} leads`);
  // Who is replaced lands on a node without another one: on this one, when all others are closed.
  const isClosed = onNode.length === 0;
  const others = nodeNames().filter((name) => name !== node);
  if (isClosed) await mustRun('kubectl', ['cordon', ...others]);
  try {
    await system.kubectl(['delete', 'pod', leader]);
    await system.kubectl(['rollout', 'status', 'deployment', '--timeout=50s']);
  } finally {
    if (isClosed) await mustRun('kubectl', ['uncordon', ...others]);
  }
  await system.until('another operator to lead', LEADS_WITHIN_MS, async () =>
    ['', leader].includes(await leadingOperator()) ? undefined : true,
  );
  await haveOperatorLeadOn(node, left - 1);
}

/** A figure for the notes: a line of JSON in the file that ORBITMQ_E2E_REPORT names. */
export function report(name: string, value: unknown): void {
  const file = env['ORBITMQ_E2E_REPORT'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ name, value })}\n`);
}
