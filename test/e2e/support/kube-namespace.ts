import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun, run, type Ended } from './local-kube.ts';

const POLL_MS = 250;
const DETAIL_CHARACTERS_MAX = 12_000;
const OPERATOR_LOG_LINES = 40;

export const OPERATOR_NAMESPACE = 'orbitmq-system';
/** For what is deleted to be gone. A namespace is looked at every 15 s or so while its pods end. */
export const GONE_WITHIN_MS = 240_000;

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** As much of an object as tests look at. */
export interface Live {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly status?: Readonly<Record<string, unknown>> & {
    readonly conditions?: readonly Condition[];
  };
  readonly [field: string]: unknown;
}

/** A namespace of a test, with kubectl in it. Everything waits with a deadline, and says what there was when it passes. */
export class KubeNamespace {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  static async create(name: string): Promise<KubeNamespace> {
    await mustRun('kubectl', ['create', 'namespace', name]);
    return new KubeNamespace(name);
  }

  /** One that is not the test's own. */
  static existing(name: string): KubeNamespace {
    return new KubeNamespace(name);
  }

  kubectl(words: readonly string[], options?: { timeoutMs?: number; input?: string }) {
    return mustRun('kubectl', ['--namespace', this.name, ...words], options);
  }

  /** Resolves also when it is refused. */
  tryApply(manifests: string): Promise<Ended> {
    return run('kubectl', ['--namespace', this.name, 'apply', '--filename', '-'], {
      input: manifests,
    });
  }

  /** YAML or JSON. */
  async apply(...manifests: readonly (string | object)[]): Promise<void> {
    const texts = manifests.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
    const { code, stderr } = await this.tryApply(texts.join('\n---\n'));
    if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
  }

  async list(kinds: string, ...words: readonly string[]): Promise<readonly Live[]> {
    const text = await this.kubectl(['get', kinds, '--output', 'json', ...words]);
    return (JSON.parse(text) as { items: Live[] }).items;
  }

  async get(kind: string, name: string): Promise<Live | undefined> {
    const text = await this.kubectl(['get', kind, name, '--ignore-not-found', '--output', 'json']);
    return text === '' ? undefined : (JSON.parse(text) as Live);
  }

  /** Polls until `probe` returns something; fails with all that helps to see why not. Returns what it took, in ms, too. */
  async until<T>(
    what: string,
    timeoutMs: number,
    probe: () => Promise<T | undefined>,
  ): Promise<{ found: T; tookMs: number }> {
    const startMs = performance.now();
    for (;;) {
      const found = await probe();
      const tookMs = performance.now() - startMs;
      if (found !== undefined) return { found, tookMs };
      if (tookMs > timeoutMs) {
        throw new Error(`waited ${timeoutMs} ms for ${what}\n${await this.describe()}`);
      }
      await sleep(POLL_MS);
    }
  }

  /** Waits until the condition has the status, of this generation of the spec. */
  async untilCondition(
    [kind, name]: readonly [kind: string, name: string],
    [type, status]: readonly [type: string, status: string],
    timeoutMs: number,
  ): Promise<{ found: Condition; tookMs: number }> {
    return this.until(`${kind} ${name} to be ${type}=${status}`, timeoutMs, async () => {
      const object = await this.get(kind, name);
      const { generation } = (object?.metadata ?? {}) as { generation?: number };
      if (object?.status?.['observedGeneration'] !== generation) return undefined;
      return object?.status?.conditions?.find(
        (condition) => condition.type === type && condition.status === status,
      );
    });
  }

  /** What a person would look at: objects, events, the log of the operator. */
  async describe(): Promise<string> {
    const looks: readonly (readonly string[])[] = [
      ['get', 'brokerclusters,brokergroups,topics.orbitmq.io,consumergroups,pods,pvc'],
      ['get', 'brokerclusters', '--output', 'jsonpath={.items[*].status.conditions}'],
      ['get', 'events', '--sort-by=.lastTimestamp'],
      [
        ...['logs', '--namespace', OPERATOR_NAMESPACE, '--prefix'],
        ...['--selector', 'app.kubernetes.io/component=operator'],
        ...['--tail', String(OPERATOR_LOG_LINES)],
      ],
    ];
    const answers = await Promise.all(
      looks.map((words) => run('kubectl', ['--namespace', this.name, ...words])),
    );
    return answers
      .map(({ stdout, stderr }) => `${stdout}${stderr}`.slice(-DETAIL_CHARACTERS_MAX))
      .join('\n');
  }

  /** Resolves with the time it took, in ms, when everything in it is gone. */
  async delete(timeoutMs: number): Promise<number> {
    const startMs = performance.now();
    const words = ['delete', 'namespace', this.name, '--ignore-not-found'];
    const { code, stderr } = await run('kubectl', words, { timeoutMs });
    if (code !== 0) throw new Error(`namespace ${this.name} stays: ${stderr}`);
    return performance.now() - startMs;
  }
}
