import type { KubeNamespace, Live } from './kube-namespace.ts';
import { localKube } from './local-kube.ts';

interface Record {
  readonly master?: { readonly name: string };
  readonly epoch: number;
  readonly phase: string;
  readonly syncStateSet: readonly string[];
}

interface ContainerStatus {
  readonly containerID: string;
}

/** A broker group as the API shows it, and what is done to its members. */
export class KubeBrokerGroup {
  readonly #namespace: KubeNamespace;
  readonly #name: string;

  constructor(namespace: KubeNamespace, name: string) {
    this.#namespace = namespace;
    this.#name = name;
  }

  async record(): Promise<Record> {
    const group = await this.#namespace.get('brokergroup', this.#name);
    return (group?.status ?? { epoch: 0, phase: 'new', syncStateSet: [] }) as unknown as Record;
  }

  async master(): Promise<string> {
    const { master } = await this.record();
    if (master === undefined) throw new Error(`${this.#name} has no master`);
    return master.name;
  }

  /** Until a master of a later epoch serves. */
  async untilElected(afterEpoch: number, timeoutMs: number): Promise<Record> {
    const { found } = await this.#namespace.until('a new master', timeoutMs, async () => {
      const record = await this.record();
      return record.epoch > afterEpoch && record.phase === 'stable' ? record : undefined;
    });
    return found;
  }

  /** Until one master serves and so many members are in sync. */
  async untilWhole(members: number, timeoutMs: number): Promise<Record> {
    const { found } = await this.#namespace.until('all members in sync', timeoutMs, async () => {
      const record = await this.record();
      const isWhole = record.phase === 'stable' && record.syncStateSet.length === members;
      return isWhole ? record : undefined;
    });
    return found;
  }

  /** Index of the node on which a member runs. */
  async nodeOf(member: string): Promise<number> {
    return nodeOf(await this.#pod(member));
  }

  /** A signal to the process of a member, from its node. */
  async signal(member: string, signal: string): Promise<void> {
    const pod = await this.#pod(member);
    await localKube.signal(nodeOf(pod), containerOf(pod), signal);
  }

  async #pod(member: string): Promise<Live> {
    const pod = await this.#namespace.get('pod', member);
    if (pod === undefined) throw new Error(`no pod ${member}`);
    return pod;
  }
}

/** Nodes are called node-1, node-2, …. */
function nodeOf(pod: Live): number {
  const { nodeName = '' } = pod['spec'] as { nodeName?: string };
  return Number(nodeName.replace('node-', ''));
}

function containerOf({ status, metadata }: Live): string {
  const [container] = (status?.['containerStatuses'] ?? []) as ContainerStatus[];
  if (container === undefined) throw new Error(`pod ${metadata.name} has no container`);
  return container.containerID;
}
