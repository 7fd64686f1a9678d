import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { env, getuid } from 'node:process';
import { isDone, noteDone } from './run-folder.ts';

/** As many as a majority of NameServers needs, so that one can be lost. */
export const NODES = 3;
const SCRIPTS = resolve('../shared/kube');
const PROGRAMS = join(env['KUBE_CACHE'] ?? join(homedir(), '.cache/local-kube'), 'bin');
const STATE = env['KUBE_RUN'] ?? '/var/lib/local-kube';
/** For development: the cluster that is there is used, and nothing is ended. */
const IS_KEPT = env['ORBITMQ_E2E_KEEP'] === '1';
const OUTPUT_CHARACTERS_MAX = 4 * 2 ** 20;
const UP_TIMEOUT_MS = 300_000;
const LOAD_TIMEOUT_MS = 180_000;
const COMMAND_TIMEOUT_MS = 60_000;

/** Why no Kubernetes can be brought up here; undefined when one can. */
export const MISSING_KUBE = whyMissing();

function whyMissing(): string | undefined {
  if (!existsSync(join(SCRIPTS, 'up'))) return 'no ../shared/kube next to the checkout';
  if (!existsSync(join(PROGRAMS, 'kube'))) return '../shared/kube/build has not been run';
  return getuid?.() === 0 ? undefined : 'a Kubernetes of network namespaces needs root';
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of the local Kubernetes to its end, at most `timeoutMs`. Resolves also when it fails: see `code`. */
export function run(
  program: string,
  words: readonly string[],
  { timeoutMs = COMMAND_TIMEOUT_MS, input = '' } = {},
): Promise<Ended> {
  const child = spawn(program, words, {
    env: {
      ...env,
      KUBECONFIG: join(STATE, 'admin.conf'),
      PATH: `${PROGRAMS}:${env['PATH'] ?? ''}`,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-OUTPUT_CHARACTERS_MAX);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-OUTPUT_CHARACTERS_MAX);
  });
  child.stdin.on('error', () => undefined); // it ended without reading: its exit code tells
  child.stdin.end(input);
  return new Promise((done, fail) => {
    child.once('error', fail);
    // What it started in the background keeps its streams open: the end of the program is what counts.
    child.once('exit', (code) => setImmediate(() => done({ code, stdout, stderr })));
  });
}

/** The same, and rejects with its output when it fails. */
export async function mustRun(
  program: string,
  words: readonly string[],
  options: { timeoutMs?: number; input?: string } = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(program, words, options);
  if (code === 0) return stdout.trim();
  throw new Error(`${program} ${words.join(' ')}: ${code ?? 'killed'}\n${stdout}${stderr}`);
}

const onNode = (node: number): readonly string[] => [
  ...['--address', join(STATE, 'nodes', String(node), 'containerd.sock'), '-n', 'k8s.io'],
];

export const nodeNames = (): readonly string[] =>
  Array.from({ length: NODES }, (_, index) => `node-${index + 1}`);

/** A real Kubernetes of this machine: API server, controllers, scheduler, kubelet and containers. One at a time. */
export const localKube = {
  /** Idempotent. */
  up: async (): Promise<void> => {
    if (isDone('kubernetes-is-up')) return;
    noteDone('kubernetes-is-up');
    if (IS_KEPT && (await run('kubectl', ['get', '--raw', '/readyz'])).code === 0) return;
    const words = ['--nodes', String(NODES)];
    await mustRun(join(SCRIPTS, 'up'), words, { timeoutMs: UP_TIMEOUT_MS });
  },

  loadImage: (tag: string): Promise<string> =>
    mustRun(join(SCRIPTS, 'load-image'), [tag], { timeoutMs: LOAD_TIMEOUT_MS }),

  /** Another name for an image that is on the nodes. */
  tagImage: async (tag: string, other: string): Promise<void> => {
    for (let node = 1; node <= NODES; node++) {
      const names = [tag, other].map((name) => `docker.io/library/${name}`);
      await mustRun('ctr', [...onNode(node), 'images', 'tag', '--force', ...names]);
    }
  },

  /** Does nothing where it is to be kept. */
  down: async (): Promise<void> => {
    if (!IS_KEPT) await mustRun(join(SCRIPTS, 'down'), [], { timeoutMs: LOAD_TIMEOUT_MS });
  },

  /** `stop`, `start`, `pause`, `resume`, `isolate` or `rejoin` of a node, counted from 1. */
  node: (verb: string, index: number): Promise<string> =>
    mustRun(join(SCRIPTS, 'node'), [verb, String(index)], { timeoutMs: UP_TIMEOUT_MS }),

  /** Where ports of a node are reached from this machine. */
  nodeAddress: (index: number): string => `198.51.100.${10 + index}`,

  /** Traffic of this machine to an address that is nowhere comes in at a node, as from a load balancer in front of it. */
  leadToNode: (address: string, index: number): Promise<string> =>
    mustRun('ip', ['route', 'replace', address, 'via', localKube.nodeAddress(index)]),

  /** Undoes `leadToNode`, also when it was not done. */
  leadNowhere: async (address: string): Promise<void> => {
    await run('ip', ['route', 'delete', address]);
  },

  /** Sends a signal to all processes of a container, as a person on the node would. */
  signal: async (node: number, containerId: string, signal: string): Promise<void> => {
    const id = containerId.replace(/^containerd:\/\//, '');
    await mustRun('ctr', [...[...onNode(node), 'tasks', 'kill', '--all', '--signal', signal, id]]);
  },
};
