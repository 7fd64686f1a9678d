import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { loadKubeConfig } from '../../operator/kube/kubeconfig-transport.ts';
import { freePort } from '../support/free-port.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import { waitFor, within } from '../support/wait-for.ts';

/** One binary with all programs of Kubernetes in it; ../shared/kube/build makes it where there is such a folder. */
const PROGRAMS = join(env['KUBE_CACHE'] ?? join(homedir(), '.cache/local-kube'), 'bin/kube');

/** Why no API server can be started here; undefined when one can. */
export const MISSING_API_SERVER = existsSync(PROGRAMS)
  ? undefined
  : 'no kube-apiserver and etcd in the cache of ../shared/kube (its build makes them)';

/** A start takes two seconds on a free machine; the tests share one that is not free. */
const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 10_000;
const LOG_CHARACTERS_MAX = 20_000;

interface Program {
  readonly child: ChildProcess;
  readonly log: () => string;
}

/** A real API server with its etcd, alone: objects are stored, validated and watched, and no controller touches them. */
export class ApiServer {
  readonly #directory = mkdtempSync(join(tmpdir(), 'orbitmq-api-server-'));
  readonly #token = randomUUID();
  readonly #programs: Program[] = [];
  #port = 0;
  #etcdPort = 0;

  static async start(...options: readonly string[]): Promise<ApiServer> {
    const server = new ApiServer();
    try {
      await server.#start(options);
      return server;
    } catch (error) {
      const logs = server.#programs.map(({ log }) => log()).join('\n');
      await server.stop();
      throw new Error(`the API server did not start\n${logs}`, { cause: error });
    }
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** Credentials of an administrator, over TLS with the server's own certificate. */
  config() {
    return loadKubeConfig(this.configFile());
  }

  /** The same as a file, for another process. */
  configFile(): string {
    const authority = { 'certificate-authority': this.#file('pki/apiserver.crt') };
    return this.#kubeconfig(this.url, authority);
  }

  /** The same, for what listens on `port` in its place without TLS. */
  configThrough(port: number) {
    return loadKubeConfig(
      this.#kubeconfig(`http://127.0.0.1:${port}`, { 'insecure-skip-tls-verify': true }),
    );
  }

  /** etcd forgets everything before this version of the store. */
  async compact(revision: string): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.#etcdPort}/v3/kv/compaction`, {
      method: 'POST',
      body: JSON.stringify({ revision, physical: true }),
    });
    if (!response.ok) throw new Error(`compaction: ${response.status} ${await response.text()}`);
  }

  async stop(): Promise<void> {
    for (const { child } of this.#programs.toReversed()) await end(child);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #start(options: readonly string[]): Promise<void> {
    [this.#port, this.#etcdPort] = [await freePort(), await freePort()];
    const peers = `http://127.0.0.1:${await freePort()}`;
    const etcd = `http://127.0.0.1:${this.#etcdPort}`;
    this.#run('etcd', [
      ...['--data-dir', this.#file('etcd'), '--unsafe-no-fsync', '--log-level', 'warn'],
      ...['--listen-client-urls', etcd, '--advertise-client-urls', etcd],
      ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers],
      ...['--initial-cluster', `default=${peers}`],
    ]);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(this.#file('key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(this.#file('tokens'), `${this.#token},admin,1,"system:masters"\n`);
    this.#run('kube-apiserver', [
      ...['--etcd-servers', etcd, '--bind-address', '127.0.0.1', '--secure-port', `${this.#port}`],
      ...['--cert-dir', this.#file('pki'), '--token-auth-file', this.#file('tokens')],
      ...['--service-account-key-file', this.#file('key')],
      ...['--service-account-signing-key-file', this.#file('key')],
      ...['--service-account-issuer', 'https://kubernetes.default.svc'],
      ...['--service-cluster-ip-range', '198.19.0.0/16', '--authorization-mode', 'RBAC'],
      ...['--disable-admission-plugins', 'ServiceAccount', '--endpoint-reconciler-type', 'none'],
      ...options,
    ]);
    await waitFor('the API server to be ready', READY_TIMEOUT_MS, () => this.#isReady(), 100);
  }

  async #isReady(): Promise<true | undefined> {
    const dead = this.#programs.find(({ child }) => child.exitCode !== null);
    if (dead !== undefined) throw new Error('one of the programs has ended');
    if (!existsSync(this.#file('pki/apiserver.crt'))) return undefined;
    const config = this.config();
    const options: { headers?: Record<string, string> } = {};
    await config.applyToHTTPSOptions(options);
    const { get } = await import('node:https');
    return await new Promise((resolve) => {
      get(`${this.url}/readyz`, options, (response) => {
        response.resume();
        resolve(response.statusCode === 200 ? true : undefined);
      }).on('error', () => resolve(undefined)); // nobody listens yet
    });
  }

  #run(name: string, words: readonly string[]): void {
    const child = spawn(PROGRAMS, [name, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    const take = (text: string): void => {
      log = (log + text).slice(-LOG_CHARACTERS_MAX);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    this.#programs.push({ child, log: () => `${name}: ${log}` });
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }

  #kubeconfig(server: string, cluster: object): string {
    const file = this.#file(`kubeconfig-${randomUUID()}`);
    writeFileSync(file, kubeconfigText(server, cluster, this.#token));
    return file;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  try {
    await within('the end of a program', STOP_TIMEOUT_MS, ended);
  } catch {
    child.kill('SIGKILL'); // it had its time
    await ended;
  }
}
