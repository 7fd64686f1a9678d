/**
 * Starts a command of OrbitMQ with a Node that it was built for; under an older one the command is started again with the Node
 * that comes as a dependency. Plain JavaScript that old versions understand; everything else is in cli/.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** From here on Node runs TypeScript without a flag, and has all that OrbitMQ uses. */
const NODE_MIN = [22, 19];
/** Set in the second process, so that a wrong installation ends in a message and not in a loop. */
const MARK = 'ORBITMQ_NODE_CHOSEN';

const SOURCES = [
  'broker',
  'cli',
  'common',
  'gateway',
  'namesrv',
  'operator',
  'proto',
  'standalone',
];
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const isRecent = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);

/** The command as it was built, or else as its sources are: functions that import it. */
export async function start({ built, sources }) {
  if (isRecent) await runHere(built, sources);
  else runWith(bundledNode());
}

async function runHere(built, sources) {
  delete process.env[MARK];
  await (isBuiltFromThis() ? built() : sources());
}

/** Whether dist/ is there and not older than the sources; an installed package has no sources. */
function isBuiltFromThis() {
  if (!existsSync(join(root, 'dist', 'cli', 'main.js'))) return false;
  if (!existsSync(join(root, 'cli', 'main.ts'))) return true;
  const builtMs = statSync(join(root, 'dist', '.tsbuildinfo'), { throwIfNoEntry: false })?.mtimeMs;
  return builtMs !== undefined && !hasNewerSource(builtMs);
}

function hasNewerSource(thanMs) {
  return SOURCES.map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, file)))
    .some((file) => /\.[jt]s$/.test(file) && statSync(file).mtimeMs > thanMs);
}

/** Path of the executable in the package `node`; undefined when it is not installed or this is already it. */
function bundledNode() {
  if (process.env[MARK] !== undefined) return undefined;
  try {
    const home = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    return [join(home, 'bin', 'node'), join(home, 'bin', 'node.exe')].find(existsSync);
  } catch {
    return undefined; // not installed: said below
  }
}

function runWith(node) {
  if (node === undefined) {
    process.stderr.write(
      `orbitmq: Node ${process.versions.node} is too old, ${NODE_MIN.join('.')} is needed\n` +
        '  hint: Run "npm ci" in the directory of OrbitMQ, which brings one along.\n',
    );
    process.exit(2);
  }
  const child = spawn(node, process.argv.slice(1), {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1' },
  });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  // A terminal sends Ctrl-C to both; passing it on would make it a second signal, which ends a node at once.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  child.on('error', (error) => {
    process.stderr.write(`orbitmq: ${node} cannot be started: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
