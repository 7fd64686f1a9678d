import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The official clients under test: how each driver is built and started, and what the client library cannot do. Built
 * drivers and downloaded libraries are kept outside the repository, in ~/.cache/orbitmq-conformance, and used again as long
 * as their sources are the same.
 */
export interface ClientUnderTest {
  readonly name: string;
  readonly version: string;
  /** Programs that must be on the PATH. */
  readonly needs: readonly string[];
  /** Features that the library does not have, with the reason that a skipped case shows. */
  readonly lacks: Partial<Record<Feature, string>>;
  /** Files whose change makes a new build necessary. */
  readonly sources: readonly string[];
  /** Commands that build the driver, in order; empty when nothing is built. */
  build(): readonly (readonly string[])[];
  command(): readonly string[];
}

/** What a case may need besides sending, receiving and acknowledging. */
export type Feature = 'push' | 'changeInvisible' | 'refusedAck' | 'tls';

const HERE = dirname(fileURLToPath(import.meta.url));
const REPOSITORY = resolve(HERE, '../..');
const CACHE =
  process.env['ORBITMQ_CONFORMANCE_CACHE'] ?? join(homedir(), '.cache/orbitmq-conformance');

/** A cold build of the Rust driver takes 2 to 4 minutes on two cores. */
const BUILD_TIMEOUT_MS = 15 * 60_000;

const node: ClientUnderTest = {
  name: 'node',
  version: 'rocketmq-client-nodejs 1.0.8',
  needs: [],
  lacks: {},
  sources: [],
  build: () => [],
  command: () => [join(REPOSITORY, 'node_modules/node/bin/node'), join(HERE, 'node/driver.ts')],
};

const PYTHON = join(CACHE, 'python');

const python: ClientUnderTest = {
  name: 'python',
  version: 'rocketmq-python-client 5.1.2',
  needs: ['python3'],
  lacks: {},
  sources: ['python/requirements.txt'],
  build: () => [
    ['python3', '-m', 'venv', '--clear', PYTHON],
    [
      ...[join(PYTHON, 'bin/pip'), 'install', '--quiet', '--disable-pip-version-check'],
      ...['-r', join(HERE, 'python/requirements.txt')],
    ],
  ],
  command: () => [join(PYTHON, 'bin/python'), join(HERE, 'python/driver.py')],
};

const GO = join(CACHE, 'go/driver');

const go: ClientUnderTest = {
  name: 'go',
  version: 'github.com/apache/rocketmq-clients/golang/v5 v5.1.3',
  needs: ['go'],
  lacks: { refusedAck: 'Ack of the Go client does not look at the status of the answer' },
  sources: ['go/go.mod', 'go/go.sum', 'go/main.go'],
  build: () => [['go', 'build', '-C', join(HERE, 'go'), '-o', GO, '.']],
  command: () => [GO],
};

const JAVA = join(CACHE, 'java');

const java: ClientUnderTest = {
  name: 'java',
  version: 'org.apache.rocketmq:rocketmq-client-java 5.2.0',
  needs: ['java', 'mvn'],
  lacks: {},
  sources: ['java/pom.xml', 'java/src/main/java/orbitmq/conformance/Driver.java'],
  build: () => [
    [
      ...['mvn', '--batch-mode', '--quiet', '--file', join(HERE, 'java/pom.xml')],
      ...[`-Ddriver.build=${JAVA}`, 'package'],
    ],
  ],
  command: () => [
    ...['java', '-Xmx1g', '-cp', `${join(JAVA, 'driver.jar')}:${join(JAVA, 'lib/*')}`],
    'orbitmq.conformance.Driver',
  ],
};

const RUST = join(CACHE, 'rust');

const rust: ClientUnderTest = {
  name: 'rust',
  version: 'rocketmq 5.0.0 (crate)',
  needs: ['cargo'],
  lacks: {
    push: 'the released Rust client has no push consumer',
    changeInvisible: 'the released Rust client cannot change the invisible time',
    tls: 'the released Rust client has no TLS (its own TODO)',
  },
  sources: ['rust/Cargo.toml', 'rust/Cargo.lock', 'rust/src/main.rs'],
  build: () => [
    [
      ...['cargo', 'build', '--quiet', '--locked'],
      ...['--manifest-path', join(HERE, 'rust/Cargo.toml'), '--target-dir', RUST],
    ],
  ],
  command: () => [join(RUST, 'debug/conformance-driver')],
};

export const CLIENTS = { node, python, go, java, rust };

/**
 * Why a client is not tested now, or undefined when it is. Node always is; the others are when ORBITMQ_CONFORMANCE is `all`
 * or names them (`go,java`), and their tools are there.
 */
export function reasonToSkip(client: ClientUnderTest): string | undefined {
  if (client.name === 'node') return undefined;
  const selected = (process.env['ORBITMQ_CONFORMANCE'] ?? '').split(',');
  if (!selected.includes('all') && !selected.includes(client.name)) {
    return 'not selected by ORBITMQ_CONFORMANCE';
  }
  const missing = client.needs.find((program) => !isOnPath(program));
  return missing === undefined ? undefined : `${missing} is not installed`;
}

function isOnPath(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(':');
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/** Builds the driver unless the cache has it. Runs at low priority: the machine may be testing something else. */
export function buildDriver(client: ClientUnderTest): void {
  const commands = client.build();
  if (commands.length === 0) return;
  const hash = createHash('sha256').update(client.version);
  for (const source of client.sources) hash.update(readFileSync(join(HERE, source)));
  const fingerprint = hash.digest('hex');
  const stamp = join(CACHE, `${client.name}.built`);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint) return;
  mkdirSync(CACHE, { recursive: true });
  rmSync(stamp, { force: true });
  for (const command of commands) runBuild(command);
  writeFileSync(stamp, fingerprint);
}

function runBuild(command: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync('nice', command, {
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
    maxBuffer: 64 * 2 ** 20,
  });
  if (status === 0) return;
  const output = `${stdout}${stderr}`.slice(-4_000);
  throw new Error(
    `${command.join(' ')}: ${error?.message ?? `ended with ${status ?? '?'}`}\n${output}`,
  );
}
