import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, watch } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestCluster } from './cluster-launcher.ts';
import { waitFor } from './wait-for.ts';

/** What a fault finds when it strikes. */
export interface FaultScene {
  readonly cluster: TestCluster;
  readonly group: string;
  readonly master: string;
  readonly slaves: readonly string[];
  readonly epoch: number;
  readonly heartbeatExpiryMs: number;
  readonly inSyncTimeoutMs: number;
}

/** What happens to a cluster under load. `strike` returns when everything is as before, but for who is master. */
export interface Fault {
  readonly name: string;
  /** The cluster needs namespaces; and a client beside the master, to see what that acknowledges. */
  readonly needsNetwork?: boolean;
  readonly needsSmallDisk?: boolean;
  /** Whether another master is expected; undefined: either is right. */
  readonly changesMaster: boolean | undefined;
  /** Resolves with a remark, when there is one to make about how it struck. */
  strike(scene: FaultScene): Promise<string | undefined>;
}

const FAILOVER_TIMEOUT_MS = 30_000;
/** Long enough for something wrong to happen. */
const LINGER_MS = 500;

function newMaster({ cluster, group, epoch }: FaultScene): Promise<unknown> {
  const isNew = (seen: { epoch: number; phase: string }): boolean =>
    seen.epoch > epoch && seen.phase === 'stable';
  return cluster.waitForGroup(group, 'a new master', isNew, FAILOVER_TIMEOUT_MS);
}

const nameServersOf = ({ cluster }: FaultScene): string[] =>
  cluster.plan.nameServers.map(({ name }) => name);

const KILLS: readonly Fault[] = [
  {
    name: 'kill -9 of the master',
    changesMaster: true,
    strike: async (scene) => {
      await scene.cluster.kill(scene.master);
      await newMaster(scene);
      await sleep(LINGER_MS);
      scene.cluster.node(scene.master).start();
    },
  },
  {
    name: 'kill -9 of the master, back at once',
    changesMaster: undefined,
    strike: async (scene) => {
      await scene.cluster.kill(scene.master);
      scene.cluster.node(scene.master).start();
      await newMaster(scene);
    },
  },
  {
    name: 'old master returns and takes over again',
    changesMaster: undefined,
    strike: async (scene) => {
      const { cluster, group, master } = scene;
      await cluster.kill(master);
      await newMaster(scene);
      cluster.node(master).start();
      await cluster.waitUntilWhole(group, FAILOVER_TIMEOUT_MS);
      await cluster.failover.switchover(group, master);
    },
  },
  {
    name: 'kill -9 of a slave',
    changesMaster: false,
    strike: async ({ cluster, slaves, inSyncTimeoutMs }) => {
      const [slave = ''] = slaves;
      await cluster.kill(slave);
      await sleep(inSyncTimeoutMs + 2 * LINGER_MS);
      cluster.node(slave).start();
    },
  },
  {
    name: 'kill -9 of one NameServer',
    changesMaster: false,
    strike: async (scene) => {
      const [nameServer = ''] = nameServersOf(scene);
      await scene.cluster.kill(nameServer);
      await sleep(scene.heartbeatExpiryMs + LINGER_MS);
      scene.cluster.node(nameServer).start();
    },
  },
  {
    name: 'kill -9 of all NameServers',
    changesMaster: false,
    strike: async (scene) => {
      const names = nameServersOf(scene);
      await Promise.all(names.map((name) => scene.cluster.kill(name)));
      await sleep(scene.heartbeatExpiryMs + 2 * LINGER_MS);
      for (const name of names) scene.cluster.node(name).start();
      await sleep(scene.heartbeatExpiryMs + LINGER_MS);
    },
  },
];

const PAUSES: readonly Fault[] = [
  {
    name: 'SIGSTOP of the master, longer than the expiry',
    changesMaster: true,
    strike: async (scene) => {
      const node = scene.cluster.node(scene.master);
      node.signal('SIGSTOP');
      try {
        await newMaster(scene);
        await sleep(LINGER_MS);
      } finally {
        node.signal('SIGCONT');
      }
    },
  },
  {
    name: 'SIGSTOP of a slave',
    changesMaster: false,
    strike: async ({ cluster, slaves, inSyncTimeoutMs }) => {
      const node = cluster.node(slaves[0] ?? '');
      node.signal('SIGSTOP');
      await sleep(inSyncTimeoutMs + 2 * LINGER_MS);
      node.signal('SIGCONT');
    },
  },
];

/** Cuts the master off while `during` lasts. */
function isolation(
  name: string,
  changesMaster: boolean | undefined,
  fromWhom: (scene: FaultScene) => readonly string[] | 'all',
  during: (scene: FaultScene) => Promise<unknown>,
): Fault {
  return {
    name,
    needsNetwork: true,
    changesMaster,
    strike: async (scene) => {
      const { network } = scene.cluster;
      if (network === undefined) throw new Error('the cluster has no network of its own');
      const others = fromWhom(scene);
      if (others === 'all') network.cutFromAll(scene.master);
      else network.cut(scene.master, others);
      try {
        await during(scene);
        await sleep(2 * LINGER_MS);
      } finally {
        network.heal(scene.master);
      }
    },
  };
}

const ISOLATIONS: readonly Fault[] = [
  isolation('master isolated from all', true, () => 'all', newMaster),
  isolation(
    'master isolated from its slaves',
    undefined,
    ({ slaves }) => slaves,
    ({ inSyncTimeoutMs }) => sleep(2 * inSyncTimeoutMs),
  ),
  isolation('master isolated from the NameServers', true, nameServersOf, newMaster),
];

/** A phase lasts for milliseconds, and on a busy machine its end may be seen first. */
const CATCHES_MAX = 5;
const PHASE_TIMEOUT_MS = 5_000;

/** Ends the controller at the moment at which it has stored that it is in this phase of replacing a killed master. */
function controllerKilled(phase: string): Fault {
  return {
    name: `controller killed while ${phase}`,
    changesMaster: true,
    strike: async (first) => {
      const { cluster, group } = first;
      let scene = first;
      for (let attempt = 1; attempt <= CATCHES_MAX; attempt++) {
        const found = await killBoth(scene, phase);
        cluster.node('controller').start();
        await newMaster(scene);
        await sleep(LINGER_MS);
        cluster.node(scene.master).start();
        if (found === phase) return attempt === 1 ? undefined : `caught at attempt ${attempt}`;
        const { master, epoch } = await cluster.waitUntilWhole(group, FAILOVER_TIMEOUT_MS);
        scene = { ...scene, master, epoch };
      }
      throw new Error(`the controller was not caught while ${phase}, ${CATCHES_MAX} times`);
    },
  };
}

/** Kills the master, and the controller when it has stored the phase; resolves with the phase that is stored after. */
async function killBoth({ cluster, group, master }: FaultScene, phase: string): Promise<string> {
  const controller = cluster.node('controller');
  const { directory } = cluster.planned('controller');
  const seen = onStoredPhase(join(directory, `${group}.json`), phase);
  await cluster.kill(master);
  await seen;
  controller.signal('SIGKILL');
  await waitFor('the end of the controller', FAILOVER_TIMEOUT_MS, () =>
    controller.isRunning ? undefined : true,
  );
  return storedPhase(join(directory, `${group}.json`)) ?? 'none';
}

/** The state of a group is a small file that is replaced as a whole. Resolves when it has the phase, or is past it. */
async function onStoredPhase(file: string, phase: string): Promise<void> {
  const watcher = watch(dirname(file));
  let hasBegun = false;
  try {
    await Promise.race([
      sleep(PHASE_TIMEOUT_MS),
      new Promise<void>((resolve) => {
        watcher.on('change', () => {
          const stored = storedPhase(file);
          if (stored === phase || (hasBegun && stored === 'stable')) resolve();
          hasBegun ||= stored !== undefined && stored !== 'stable';
        });
      }),
    ]);
  } finally {
    watcher.close();
  }
}

/** Undefined while the file is being replaced. */
function storedPhase(file: string): string | undefined {
  try {
    return /^ {2}"phase": "([a-z-]+)"/m.exec(readFileSync(file, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

const OTHERS: readonly Fault[] = [
  controllerKilled('revoking'),
  controllerKilled('promoting'),
  {
    name: 'controller killed, then the master',
    changesMaster: true,
    strike: async (scene) => {
      const { cluster, master } = scene;
      await cluster.kill('controller');
      await cluster.kill(master);
      await sleep(LINGER_MS);
      cluster.node('controller').start();
      await newMaster(scene);
      cluster.node(master).start();
    },
  },
  {
    name: 'disk full on the master',
    needsSmallDisk: true,
    changesMaster: undefined,
    strike: async (scene) => {
      const filler = join(scene.cluster.planned(scene.master).directory, 'filler');
      await fill(filler);
      await sleep(4 * LINGER_MS);
      for (const file of [filler, `${filler}.rest`]) rmSync(file, { force: true });
      await sleep(LINGER_MS);
    },
  },
  {
    name: 'switchover',
    changesMaster: true,
    strike: async ({ cluster, group }) => {
      await cluster.failover.switchover(group, '');
    },
  },
];

/** Takes all that is left of a file system, to the last page, in a process of its own: the clients of the test live in this one. */
async function fill(path: string): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  // The first takes nearly all of it at once, the second what has become free or was rounded.
  for (const words of [
    ['fallocate', '-l', `${Math.max(bavail - 1, 1) * bsize}`, path],
    ['dd', 'if=/dev/zero', `of=${path}.rest`, `bs=${bsize}`],
  ]) {
    const [program = '', ...rest] = words;
    const child = spawn(program, rest, { stdio: 'ignore' });
    await once(child, 'close');
  }
}

export const FAULTS: readonly Fault[] = [...KILLS, ...PAUSES, ...ISOLATIONS, ...OTHERS];
