import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { Connection } from '../../cli/client/connection.ts';
import { FailoverClient } from '../../cli/client/failover-client.ts';
import type { FailoverGroupView, MemberView } from '../../cli/client/failover-view.ts';
import { signAsPeer } from '../../cli/client/sign-as-peer.ts';
import type { ChildNode } from '../../cli/cluster/child-node.ts';
import { clusterEyes } from '../../cli/cluster/cluster-eyes.ts';
import { clusterFiles } from '../../cli/cluster/cluster-files.ts';
import {
  nodesOf,
  planCluster,
  portCount,
  type ClusterPlan,
  type ClusterShape,
  type PlannedNode,
} from '../../cli/cluster/cluster-plan.ts';
import { ClusterSupervisor } from '../../cli/cluster/cluster-supervisor.ts';
import { freePorts } from '../../cli/cluster/free-ports.ts';
import { engineFlags } from '../../cli/cluster/node-flags.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import { ClusterNetwork } from './cluster-network.ts';
import { waitFor } from './wait-for.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const NODE = join(REPOSITORY, 'node_modules/node/bin/node');
const EXECUTABLE = process.env['ORBITMQ_TEST_EXECUTABLE'] ?? join(REPOSITORY, 'bin/orbitmq.js');

const READY_TIMEOUT_MS = 60_000;
const CALL_TIMEOUT_MS = 3_000;
const LOOK_MS = 50;
const LOG_TAIL = 3_000;
const FIRST_NETWORK_PORT = 7_000;

export interface TestClusterOptions extends Partial<Omit<ClusterShape, 'directory'>> {
  /** Each node in a network namespace of its own. */
  readonly hasNetwork?: boolean;
  /** Each member's data on a file system of this size. Needs root. */
  readonly diskBytes?: number;
  readonly heartbeatExpiryMs: number;
  readonly inSyncTimeoutMs: number;
}

/** A cluster of real processes, put up by the supervisor of `orbitmq cluster`, whose nodes a test may maltreat. */
export class TestCluster {
  readonly plan: ClusterPlan;
  readonly network: ClusterNetwork | undefined;
  readonly failover: FailoverClient;
  readonly lines: string[] = [];
  readonly #supervisor: ClusterSupervisor;
  readonly #connection: Connection;
  readonly #mounts: string[] = [];
  readonly #unmount = (): void => {
    for (const directory of this.#mounts.splice(0)) spawnSync('umount', ['-l', directory]);
  };

  private constructor(
    plan: ClusterPlan,
    network: ClusterNetwork | undefined,
    options: TestClusterOptions,
  ) {
    this.plan = plan;
    this.network = network;
    for (const node of nodesOf(plan)) {
      mkdirSync(node.directory, { recursive: true });
      if (node.role === 'broker' && options.diskBytes !== undefined) {
        this.#mountSmallDisk(node.directory, options.diskBytes);
      }
    }
    this.#supervisor = new ClusterSupervisor({
      plan,
      commandOf: ({ name, role }) => [
        ...(network?.prefixOf(name) ?? []),
        ...[NODE, ...engineFlags(role), EXECUTABLE],
      ],
      flagsOf: (node) => testFlags(node, options),
      env: { ...process.env, NO_COLOR: '1' },
      openEyes: () => clusterEyes(plan),
      restarts: false,
      say: (line) => void this.lines.push(`${Math.round(performance.now())} ${line}`),
    });
    const secret = clusterFiles(plan.shape.directory).secret;
    this.#connection = new Connection({
      endpoint: formatAddress(plan.controller.address),
      ...{ tls: false, tlsInsecure: false, tlsCa: undefined, timeoutMs: CALL_TIMEOUT_MS },
      sign: (path) => signAsPeer(secret)(path),
    });
    this.failover = new FailoverClient(this.#connection);
  }

  /** Starts the cluster and waits until every group has a master and all its members in sync. */
  static async start(options: TestClusterOptions): Promise<TestCluster> {
    const { hasNetwork, diskBytes, heartbeatExpiryMs, inSyncTimeoutMs, ...given } = options;
    const shape: ClusterShape = {
      ...{ nameServers: 3, groups: 1, replicas: 2, replication: 'sync', minInSyncReplicas: 1 },
      ...{ flush: 'sync', uncleanElection: false },
      ...given,
      directory: mkdtempSync(join(tmpdir(), 'cluster-')),
    };
    const network = hasNetwork === true ? new ClusterNetwork() : undefined;
    const plan = await planIn(shape, network);
    const cluster = new TestCluster(plan, network, {
      ...{ heartbeatExpiryMs, inSyncTimeoutMs },
      ...(diskBytes !== undefined && { diskBytes }),
    });
    try {
      await cluster.#supervisor.start();
      const missing = await cluster.#supervisor.waitUntilReady(READY_TIMEOUT_MS);
      if (missing.length > 0) throw new Error(`the cluster waits for ${missing.join(', ')}`);
      for (const { name } of plan.groups) await cluster.waitUntilWhole(name);
      return cluster;
    } catch (error) {
      const failure = cluster.explained(error);
      await cluster.dispose();
      throw failure;
    }
  }

  /** The NameServer that clients are told: the last one. The Node.js client takes several, and then finds none. */
  get endpoint(): string {
    const last = this.plan.nameServers.at(-1);
    if (last === undefined) throw new Error('the cluster has no NameServer');
    return formatAddress(last.address);
  }

  node(name: string): ChildNode {
    const node = this.#supervisor.node(name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  planned(name: string): PlannedNode {
    const node = nodesOf(this.plan).find((candidate) => candidate.name === name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  async kill(name: string): Promise<void> {
    this.node(name).signal('SIGKILL');
    await waitFor(`the end of ${name}`, CALL_TIMEOUT_MS, () =>
      this.node(name).isRunning ? undefined : true,
    );
  }

  async group(name: string): Promise<FailoverGroupView> {
    const [group] = await this.failover.listGroups([name]);
    if (group === undefined) throw new Error(`the controller does not know ${name}`);
    return group;
  }

  async masterOf(name: string): Promise<string> {
    return (await this.waitForGroup(name, 'a master', (group) => isOpen(group))).master;
  }

  /** Until a look at the group satisfies `isSo`; looks that fail count as "not yet". */
  async waitForGroup(
    name: string,
    what: string,
    isSo: (group: FailoverGroupView) => boolean,
    timeoutMs = READY_TIMEOUT_MS,
  ): Promise<FailoverGroupView> {
    let last: unknown;
    try {
      return await waitFor(
        `${what} of ${name}`,
        timeoutMs,
        async () => {
          try {
            const group = await this.group(name);
            last = group;
            return isSo(group) ? group : undefined;
          } catch (error) {
            last = (error as Error).message;
            return undefined;
          }
        },
        LOOK_MS,
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}; seen last: ${JSON.stringify(last)}`, {
        cause: error,
      });
    }
  }

  /** A master that takes messages, and all others follow it and are in sync. */
  waitUntilWhole(name: string, timeoutMs = READY_TIMEOUT_MS): Promise<FailoverGroupView> {
    const isWhole = (group: FailoverGroupView): boolean =>
      isOpen(group) &&
      group.members.every(
        (member) => member.inSync && (member.name === group.master || isFollowing(member, group)),
      );
    return this.waitForGroup(name, 'all members in sync', isWhole, timeoutMs);
  }

  /** A failure with the ends of all logs. */
  explained(error: unknown): Error {
    const logs = nodesOf(this.plan).map(({ name }) => `--- ${name}\n${this.logTail(name)}`);
    const text = [(error as Error).message, '--- supervisor', ...this.lines.slice(-40), ...logs];
    return new Error(text.join('\n'), { cause: error });
  }

  logTail(name: string): string {
    const { logs } = clusterFiles(this.plan.shape.directory);
    try {
      return readFileSync(join(logs, `${name}.log`), 'utf8').slice(-LOG_TAIL);
    } catch {
      return '(no log)';
    }
  }

  async dispose(): Promise<void> {
    this.#connection.close();
    this.#supervisor.kill();
    await this.#supervisor.stop();
    process.off('exit', this.#unmount);
    this.network?.dispose();
    if (process.env['ORBITMQ_KEEP_CLUSTERS'] === '1') return;
    this.#unmount();
    rmSync(this.plan.shape.directory, { recursive: true, force: true });
  }

  #mountSmallDisk(directory: string, bytes: number): void {
    const words = ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory];
    const { status, stderr } = spawnSync('mount', words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`mount ${words.join(' ')}: ${stderr}`);
    if (this.#mounts.length === 0) process.once('exit', this.#unmount);
    this.#mounts.push(directory);
  }
}

async function planIn(
  shape: ClusterShape,
  network: ClusterNetwork | undefined,
): Promise<ClusterPlan> {
  if (network === undefined) {
    const ports = [...(await freePorts(0, portCount(shape)))];
    return planCluster(shape, { nextPort: () => ports.shift() ?? 0, hostOf: () => '127.0.0.1' });
  }
  let port = FIRST_NETWORK_PORT;
  const isGroup = (name: string): boolean => /^broker-[a-z]$/.test(name);
  return planCluster(shape, {
    nextPort: () => port++,
    hostOf: (name) => (isGroup(name) ? network.gateway : network.hostOf(name)),
  });
}

function isOpen({ master, phase, members }: FailoverGroupView): boolean {
  const { status } = members.find(({ name }) => name === master) ?? {};
  return phase === 'stable' && status?.role === 'master' && status.writable;
}

function isFollowing({ status }: MemberView, { master }: FailoverGroupView): boolean {
  return status?.role === 'follower' && status.following === master;
}

/** Short expiries, small segments, and no opinion about how full a disk is that is not its own. */
function testFlags(node: PlannedNode, options: TestClusterOptions): readonly string[] {
  const { heartbeatExpiryMs, inSyncTimeoutMs, diskBytes } = options;
  const beats = [
    ...['--heartbeat-interval', `${Math.round(heartbeatExpiryMs / 5)}ms`],
    ...['--heartbeat-expiry', `${heartbeatExpiryMs}ms`],
  ];
  if (node.role === 'controller') return [];
  if (node.role === 'namesrv') return beats;
  return [
    ...beats,
    ...['--write-lease', `${Math.round(heartbeatExpiryMs * 0.7)}ms`],
    ...['--in-sync-timeout', `${inSyncTimeoutMs}ms`],
    ...['--group-start-position', 'earliest', '--segment-bytes', '8MiB'],
    ...(diskBytes === undefined
      ? [
          ...['--disk-clean-percent', '98', '--disk-force-clean-percent', '99'],
          ...['--disk-reject-percent', '100'],
        ]
      : []),
  ];
}
