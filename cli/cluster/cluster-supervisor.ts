import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DiskLock } from '../../common/environment/disk.ts';
import { lockNodeFile } from '../../common/environment/node/node-disk-lock.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import { ChildNode } from './child-node.ts';
import { removeDescription, writeDescription } from './cluster-description.ts';
import { clusterFiles } from './cluster-files.ts';
import { nodesOf, type ClusterPlan, type PlannedNode } from './cluster-plan.ts';
import { clusterSpec } from './cluster-spec.ts';
import { lookAtCluster, type ClusterEyes, type GroupState } from './cluster-watch.ts';
import { DoorKeeper } from './door-keeper.ts';
import { GroupDoor } from './group-door.ts';
import { nodeFlags } from './node-flags.ts';
import { isAlive, readProcessFile } from './process-file.ts';

export interface SupervisorOptions {
  readonly plan: ClusterPlan;
  /** Words that start OrbitMQ, before the role. */
  readonly commandOf: (node: PlannedNode) => readonly string[];
  /** More flags for single nodes. */
  readonly flagsOf?: (node: PlannedNode) => readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called when the directory of the cluster is prepared. */
  readonly openEyes: () => ClusterEyes & { close(): void };
  /** Whether a node that ends is started again. */
  readonly restarts: boolean;
  readonly say: (line: string) => void;
}

/** How often is looked who is master. */
const LOOK_INTERVAL_MS = 100;
/** Nodes drain within 10 s; a little more, and they are ended. */
const STOP_GRACE_MS = 12_000;
/** Processes of a supervisor that has crashed end by themselves; this long they are waited for. */
const LEFTOVER_WAIT_MS = 3_000;
const LEFTOVER_POLL_MS = 50;
const SECRET_BYTES = 32;

/** A whole cluster on this machine: every node a process of its own, and the doors of the groups in this one. */
export class ClusterSupervisor {
  readonly #options: SupervisorOptions;
  readonly #nodes: ReadonlyMap<string, ChildNode>;
  readonly #doors: readonly GroupDoor[];
  readonly #keepers: readonly DoorKeeper[];
  #lock: DiskLock | undefined;
  #watching: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { plan, say } = options;
    this.#nodes = new Map(nodesOf(plan).map((node) => [node.name, this.#child(node)]));
    this.#doors = plan.groups.map(({ door }) => new GroupDoor(door));
    const isRunning = (name: string): boolean => this.#nodes.get(name)?.isRunning === true;
    this.#keepers = plan.groups.map(
      (group, index) => new DoorKeeper(group, this.#doors[index] as GroupDoor, isRunning, say),
    );
  }

  /** Starts every process; resolves when they run, not when they serve. */
  async start(): Promise<void> {
    const { plan } = this.#options;
    const files = clusterFiles(plan.shape.directory);
    for (const directory of [files.directory, files.logs, files.processes]) {
      mkdirSync(directory, { recursive: true });
    }
    this.#lock = await lockCluster(files.lock, files.directory);
    try {
      await this.#endLeftovers(files.processes);
      for (const { directory } of nodesOf(plan)) mkdirSync(directory, { recursive: true });
      writeSecret(files.secret);
      writeFileSync(files.spec, clusterSpec(plan));
      for (const [index, door] of this.#doors.entries()) {
        await openDoor(door, plan, index);
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    for (const node of this.#nodes.values()) node.start();
    writeDescription(plan);
    this.#watching = this.#watch(this.#options.openEyes());
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** What is known of each group, in the order of the plan; undefined: nothing yet. */
  get states(): readonly (GroupState | undefined)[] {
    return this.#keepers.map(({ state }) => state);
  }

  node(name: string): ChildNode | undefined {
    return this.#nodes.get(name);
  }

  /**
   * Until every group has a master that takes messages and every NameServer is ready, which it is not before brokers have had
   * the time to register. Resolves with the names of those that are missing when the time is over.
   */
  async waitUntilReady(timeoutMs: number): Promise<readonly string[]> {
    const { groups, nameServers } = this.#options.plan;
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const isReady = await Promise.all(nameServers.map(isNodeReady));
      const missing = [
        ...groups.filter((_, index) => this.states[index]?.isWritable !== true),
        ...nameServers.filter((_, index) => isReady[index] !== true),
      ].map(({ name }) => name);
      if (missing.length === 0 || performance.now() > deadlineMs || this.#isStopping)
        return missing;
      await sleep(LOOK_INTERVAL_MS);
    }
  }

  /** The controller first, so that it sees no failures; then members, then NameServers. Bounded for each of the three. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const { plan } = this.#options;
    const members = plan.groups.flatMap((group) => group.members);
    await this.#watching;
    for (const stage of [[plan.controller], members, plan.nameServers]) {
      const nodes = stage.flatMap(({ name }) => this.#nodes.get(name) ?? []);
      await Promise.all(nodes.map((node) => node.stop(STOP_GRACE_MS)));
    }
    await Promise.all(this.#doors.map((door) => door.close()));
    removeDescription(plan.shape.directory);
    await this.#lock?.release();
    this.#lock = undefined;
  }

  /** Ends every process without grace. `stop`, if it is under way, then ends soon. */
  kill(): void {
    for (const node of this.#nodes.values()) node.signal('SIGKILL');
  }

  #child(node: PlannedNode): ChildNode {
    const { plan, commandOf, flagsOf, env, restarts, say } = this.#options;
    const files = clusterFiles(plan.shape.directory);
    return new ChildNode({
      name: node.name,
      command: [...commandOf(node), ...nodeFlags(plan, node), ...(flagsOf?.(node) ?? [])],
      env,
      hasRunId: node.role === 'broker',
      logsDirectory: files.logs,
      processesDirectory: files.processes,
      restarts,
      say,
      onEnd: (name) => {
        // Connections need not wait for the news to go round.
        for (const keeper of this.#keepers) keeper.ended(name);
      },
    });
  }

  async #watch(eyes: ReturnType<SupervisorOptions['openEyes']>): Promise<void> {
    while (!this.#isStopping) {
      const states = await lookAtCluster(eyes);
      for (const [index, { name }] of this.#options.plan.groups.entries()) {
        this.#keepers[index]?.update(states.find(({ group }) => group === name));
      }
      await sleep(LOOK_INTERVAL_MS);
    }
    eyes.close();
  }

  /** What a supervisor that crashed has left behind would hold the ports and the data. */
  async #endLeftovers(directory: string): Promise<void> {
    const names = readdirSync(directory).filter((file) => file.endsWith('.json'));
    const alive = (): string[] =>
      names.filter((file) => {
        const found = readProcessFile(directory, file.slice(0, -'.json'.length));
        return found !== undefined && isAlive(found);
      });
    const left = alive();
    if (left.length === 0) return;
    const known = left.map((file) => file.slice(0, -'.json'.length));
    this.#options.say(`ending what an earlier cluster left behind: ${known.join(', ')}`);
    await waitUntil(() => alive().length === 0, LEFTOVER_WAIT_MS);
    for (const file of alive()) {
      const found = readProcessFile(directory, file.slice(0, -'.json'.length));
      if (found !== undefined) process.kill(found.pid, 'SIGKILL');
    }
    await waitUntil(() => alive().length === 0, LEFTOVER_WAIT_MS);
  }
}

/** The secret stays the same for as long as the data. Nobody but the owner reads it. */
function writeSecret(path: string): void {
  if (existsSync(path)) return;
  writeFileSync(path, `${randomBytes(SECRET_BYTES).toString('hex')}\n`, { mode: 0o600 });
}

async function waitUntil(isDone: () => boolean, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!isDone() && performance.now() < deadlineMs) await sleep(LEFTOVER_POLL_MS);
}

async function isNodeReady({ http }: PlannedNode): Promise<boolean> {
  try {
    const response = await fetch(`http://${formatAddress(http)}/readyz`);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // it does not listen yet
  }
}

async function lockCluster(path: string, directory: string): Promise<DiskLock> {
  try {
    return await lockNodeFile(path);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== 'ELOCKED') throw error;
    const holder = /held by (process \d+)/.exec(message)?.[1] ?? 'another process';
    throw new MqError('cluster-running', { directory, holder }, error);
  }
}

async function openDoor(door: GroupDoor, plan: ClusterPlan, index: number): Promise<void> {
  try {
    await door.open();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== 'EADDRINUSE') throw error;
    const { host, port } = plan.groups[index]?.door ?? { host: '', port: 0 };
    throw new MqError('cluster-port-taken', { address: `${host}:${port}` }, error);
  }
}
