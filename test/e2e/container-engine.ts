import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { env } from 'node:process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** A local Kubernetes may stand next to the checkout; its scripts build images without a registry. */
const LOCAL_KUBE = resolve('../shared/kube');
const BUILD_IMAGE = join(LOCAL_KUBE, 'build-image');

/** The first build on a machine makes the base image and installs all packages. */
const BUILD_TIMEOUT_MS = 15 * 60_000;
const COMMAND_TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 16 * 2 ** 20;
const DETAIL_CHARACTERS_MAX = 4_000;

/** Why images cannot be built here; undefined when they can. */
export const MISSING_ENGINE = existsSync(BUILD_IMAGE)
  ? undefined
  : 'no ../shared/kube next to the checkout';

const engineEnvironment = {
  ...env,
  DOCKER_HOST: `unix://${env['KUBE_CACHE'] ?? join(homedir(), '.cache/local-kube')}/docker.sock`,
};

/** Runs the Docker client and resolves with what it printed; rejects with its errors. */
export async function docker(...words: readonly string[]): Promise<string> {
  const { stdout } = await execute('docker', words, {
    env: engineEnvironment,
    timeout: COMMAND_TIMEOUT_MS,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return stdout.trim();
}

/** Builds the image of this repository. Starts the engine and makes the base image when they are missing. */
export async function buildImage(tag: string): Promise<void> {
  const limits = { timeout: BUILD_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX };
  try {
    await execute(BUILD_IMAGE, ['.', tag], limits);
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const output = `${stdout}${stderr}`.slice(-DETAIL_CHARACTERS_MAX);
    throw new Error(`the image could not be built\n${output}`, { cause: error });
  }
}

export interface ContainerOptions {
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Words behind the entry point. */
  readonly command: readonly string[];
}

/**
 * Starts a container the way a careful cluster would: not root, no capabilities, a read-only root. It shares the network of
 * the host, since the engine of the local cluster has none of its own. Resolves with the id.
 */
export async function startContainer({
  image,
  environment,
  command,
}: ContainerOptions): Promise<string> {
  const variables = Object.entries(environment).flatMap(([name, value]) => [
    '-e',
    `${name}=${value}`,
  ]);
  const restrictions = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
  return docker(
    'run',
    '--detach',
    '--network',
    'host',
    ...restrictions,
    ...variables,
    image,
    ...command,
  );
}
