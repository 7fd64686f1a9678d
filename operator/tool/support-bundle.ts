/** What somebody who helps has to see of a cluster: resources, events, logs. Secrets stay where they are, and its size is bounded. */
import { stringify } from 'yaml';
import type { Clock } from '../../common/environment/clock.ts';
import type { BrokerCluster } from '../api/broker-cluster-schema.ts';
import type { KubernetesObject } from '../api/object-meta.ts';
import type { PodLogOptions } from '../kube/pod-log.ts';
import { RESOURCES, type Pod, type Resource, type Secret } from '../kube/resource.ts';
import { OWN_RESOURCES } from '../reconcile/own-resources.ts';
import { LABELS } from '../resource/names.ts';
import { groupsOf, operatorPods, podsOf, type ReadApi } from './cluster-lookup.ts';
import { reportCluster } from './cluster-report.ts';
import { redactLines } from './core/redact-lines.ts';
import type { GroupExplanation } from './group-explanation.ts';

export interface BundlePorts {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly kube: ReadApi;
  /** Of the plugin. */
  readonly version: string;
  /** All files together; what does not fit is named, and left out. */
  readonly bytesMax: number;
  log(
    at: { readonly namespace: string; readonly name: string },
    options: PodLogOptions,
  ): AsyncIterable<Uint8Array>;
  explain(): Promise<readonly GroupExplanation[]>;
  onProgress(what: string): void;
}

export interface BundleFile {
  readonly path: string;
  readonly content: Buffer;
}

const LOG_LINES_MAX = 20_000;
const LOG_BYTES_MAX = 2 * 2 ** 20;
/** kubectl's copy of what was applied, and bookkeeping of the API server: as large as the object, and nothing new. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const SECRET_NAME = /(password|passwd|secret|token|credential|key)/i;

/** Kinds whose objects have the label of their cluster. */
const LABELLED: readonly Resource[] = [
  ...[OWN_RESOURCES.brokerGroups, RESOURCES.pods, RESOURCES.statefulSets, RESOURCES.services],
  ...[RESOURCES.configMaps, RESOURCES.volumeClaims, RESOURCES.disruptionBudgets],
  ...[RESOURCES.networkPolicies, RESOURCES.serviceAccounts],
];

/** One file after the other; what cannot be read is a line of the last one. */
export async function* supportBundle(
  cluster: BrokerCluster,
  ports: BundlePorts,
): AsyncGenerator<BundleFile> {
  const bundle = new Bundle(cluster, ports);
  yield* bundle.files();
}

class Bundle {
  readonly #cluster: BrokerCluster;
  readonly #ports: BundlePorts;
  readonly #notes: string[] = [];
  #bytes = 0;

  constructor(cluster: BrokerCluster, ports: BundlePorts) {
    this.#cluster = cluster;
    this.#ports = ports;
  }

  async *files(): AsyncGenerator<BundleFile> {
    const pods = (await this.#try('pods', () => podsOf(this.#ports.kube, this.#cluster))) ?? [];
    const operators =
      (await this.#try('pods of the operator', () => operatorPods(this.#ports.kube))) ?? [];
    yield* this.#file('status.yaml', 'the status', () => this.#status(pods));
    yield* this.#file('explain-failover.yaml', 'who would take over', () => this.#ports.explain());
    yield* this.#resources();
    yield* this.#file('resources/operator-pods.yaml', 'pods of the operator', () =>
      Promise.resolve(operators.map(redactObject)),
    );
    for (const pod of [...operators, ...pods]) yield* this.#logs(pod, operators.includes(pod));
    yield this.#readMe();
  }

  async #status(pods: readonly Pod[]): Promise<unknown> {
    const groups = await groupsOf(this.#ports.kube, this.#cluster);
    return reportCluster(this.#cluster, groups, pods);
  }

  async *#resources(): AsyncGenerator<BundleFile> {
    const { kube } = this.#ports;
    const { namespace, name } = this.#cluster.metadata;
    const labelSelector = `${LABELS.cluster}=${name}`;
    yield* this.#file('resources/brokerclusters.yaml', 'the BrokerCluster', () =>
      Promise.resolve([redactObject(this.#cluster)]),
    );
    for (const resource of LABELLED) {
      yield* this.#list(resource, () => kube.list(resource, { namespace, labelSelector }));
    }
    for (const resource of [OWN_RESOURCES.topics, OWN_RESOURCES.consumerGroups]) {
      yield* this.#list(resource, async () => {
        const { items } = await kube.list<KubernetesObject>(resource, { namespace });
        return { items: items.filter((object) => clusterNameIn(object) === name) };
      });
    }
    yield* this.#list(RESOURCES.events, () => kube.list(RESOURCES.events, { namespace }));
    yield* this.#file('resources/secrets.yaml', 'names of secrets', async () => {
      const { items } = await kube.list(RESOURCES.secrets, { namespace, labelSelector });
      return items.map(outlineOf);
    });
  }

  #list(
    resource: Resource,
    list: () => Promise<{ readonly items: readonly KubernetesObject[] }>,
  ): AsyncGenerator<BundleFile> {
    return this.#file(`resources/${resource.plural}.yaml`, resource.plural, async () =>
      (await list()).items.map(redactObject),
    );
  }

  async *#logs(pod: Pod, isOperator: boolean): AsyncGenerator<BundleFile> {
    const { namespace = '', name } = pod.metadata;
    const folder = isOperator ? 'logs/operator' : 'logs';
    for (const { name: container, restartCount } of pod.status?.containerStatuses ?? []) {
      for (const previous of restartCount > 0 ? [false, true] : [false]) {
        const path = `${folder}/${name}.${container}${previous ? '.previous' : ''}.log`;
        this.#ports.onProgress(path);
        const options = { container, previous, timestamps: true, tailLines: LOG_LINES_MAX };
        const text = await this.#try(path, () =>
          lastBytes(this.#ports.log({ namespace, name }, options)),
        );
        if (text !== undefined) yield* this.#fitting(path, redactLines(text));
      }
    }
  }

  async *#file(
    path: string,
    what: string,
    read: () => Promise<unknown>,
  ): AsyncGenerator<BundleFile> {
    this.#ports.onProgress(path);
    const data = await this.#try(what, read);
    if (data === undefined) return;
    yield* this.#fitting(
      path,
      redactLines(stringify(data, { lineWidth: 0, aliasDuplicateObjects: false })),
    );
  }

  *#fitting(path: string, text: string): Generator<BundleFile> {
    const content = Buffer.from(text, 'utf8');
    if (this.#bytes + content.length > this.#ports.bytesMax) {
      this.#notes.push(`${path}: left out, it has ${content.length} bytes`);
      return;
    }
    this.#bytes += content.length;
    yield { path, content };
  }

  async #try<Value>(what: string, read: () => Promise<Value>): Promise<Value | undefined> {
    try {
      return await read();
    } catch (error) {
      this.#notes.push(`${what}: ${String((error as { message?: unknown }).message)}`);
      return undefined;
    }
  }

  #readMe(): BundleFile {
    const { namespace = '', name } = this.#cluster.metadata;
    const lines = [
      `BrokerCluster ${namespace}/${name}, ${new Date(this.#ports.clock.nowMs()).toISOString()}, by kubectl orbitmq ${this.#ports.version}.`,
      'Of secrets there are names and keys only; keys, tokens and passwords are taken out of all texts. Message bodies are nowhere in it.',
      ...(this.#notes.length === 0
        ? []
        : ['', 'Not in it:', ...this.#notes.map((note) => `- ${note}`)]),
    ];
    return {
      path: 'README.txt',
      content: Buffer.from(`${redactLines(lines.join('\n'))}\n`, 'utf8'),
    };
  }
}

function clusterNameIn(object: KubernetesObject): string | undefined {
  const { spec } = object as {
    readonly spec?: { readonly clusterRef?: { readonly name?: string } };
  };
  return spec?.clusterRef?.name;
}

/** The end of a log is what is asked for. */
async function lastBytes(parts: AsyncIterable<Uint8Array>): Promise<string> {
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of parts) {
    kept.push(part);
    bytes += part.length;
    while (bytes - (kept[0]?.length ?? 0) >= LOG_BYTES_MAX) bytes -= kept.shift()?.length ?? 0;
  }
  return Buffer.concat(kept).toString('utf8');
}

function outlineOf({ metadata, type, data }: Secret): unknown {
  const { name, creationTimestamp } = metadata;
  return { name, type, creationTimestamp, keys: Object.keys(data ?? {}) };
}

/** Without bookkeeping, and without values that are given to something with the name of a secret. */
function redactObject(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactObject);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key]) => key !== 'managedFields' && key !== LAST_APPLIED)
    .map(([key, part]): [string, unknown] => [key, redactObject(part)]);
  const copy = Object.fromEntries(entries);
  const { name, value: text } = copy;
  const isSecret = typeof name === 'string' && typeof text === 'string' && SECRET_NAME.test(name);
  return isSecret ? { ...copy, value: '[redacted]' } : copy;
}
