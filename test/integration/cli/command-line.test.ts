import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../../support/free-port.ts';
import { OrbitMqProcess } from '../../support/orbitmq-process.ts';

const ROOT = join(import.meta.dirname, '../../..');
const NODE = join(ROOT, 'node_modules/node/bin/node');
const COMMAND = join(ROOT, 'bin/orbitmq.js');
const TIMEOUT_MS = 60_000;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

interface Call {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly node?: string;
}

function orbitmq(words: readonly string[], { input = '', env = {}, node = NODE }: Call = {}) {
  return new Promise<Outcome>((resolve) => {
    const options = { env: { ...process.env, NO_COLOR: '1', ...env }, timeout: TIMEOUT_MS };
    const child = execFile(node, [COMMAND, ...words], options, (error, out, errorText) => {
      const code = error === null ? 0 : Number(error.code ?? -1);
      resolve({ code, out, error: errorText });
    });
    child.stdin?.end(input);
  });
}

const directory = mkdtempSync(join(tmpdir(), 'orbitmq-cli-'));
let broker: OrbitMqProcess;

/** A command for the node of this test, and of no other. */
const call = (words: readonly string[], how: Call = {}): Promise<Outcome> =>
  orbitmq(words, { ...how, env: { ORBITMQ_ENDPOINT: broker.endpoint, ...how.env } });

beforeAll(async () => {
  broker = await OrbitMqProcess.start();
}, TIMEOUT_MS);

afterAll(async () => {
  await broker.dispose();
  rmSync(directory, { recursive: true, force: true });
}, TIMEOUT_MS);

describe('a topic', () => {
  it('is created, described, changed and deleted', async () => {
    const created = await call(['topic', 'create', 'orders', '--queues', '3', '--type', 'fifo']);
    expect(created.out).toBe('topic orders created: FIFO, 3 queues, READ_WRITE\n');
    await call(['topic', 'update', 'orders', '--queues', '5', '--retention', '24h']);
    const described = await call(['topic', 'describe', 'orders', '-o', 'json']);
    expect(JSON.parse(described.out)).toMatchObject({
      type: 'FIFO',
      queueCount: 5,
      retentionMs: 86_400_000,
    });
    expect((await call(['topic', 'delete', 'orders', '--yes'])).code).toBe(0);
    const gone = await call(['topic', 'describe', 'orders']);
    expect(gone).toMatchObject({ code: 12, out: '' });
    expect(gone.error).toContain('topic orders does not exist');
  });
});

describe('a message', () => {
  it('arrives as it was sent, and once', async () => {
    await call(['send', 'hello', 'wörld', '-t', 'A', '-k', 'k1', '-p', 'colour=blue']);
    const first = await call(['receive', 'hello', '-o', 'json']);
    expect(JSON.parse(first.out)).toMatchObject({
      topic: 'hello',
      body: 'wörld',
      tag: 'A',
      keys: ['k1'],
      properties: { colour: 'blue' },
    });
    expect(await call(['receive', 'hello', '--wait', '200ms'])).toMatchObject({
      code: 12,
      out: '',
    });
  });

  it('is read from standard input, whole or line by line', async () => {
    await call(['send', 'lines', '--lines'], { input: 'one\r\n\ntwo\nthree' });
    await call(['send', 'lines'], { input: 'a\nb' });
    const received = await call(['receive', 'lines', '-n', '4', '-o', 'json']);
    const bodies = received.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).body as string);
    expect(bodies.sort()).toEqual(['a\nb', 'one', 'three', 'two']);
  });

  it('is only looked at with --peek, and comes again with --no-ack', async () => {
    await call(['send', 'again', 'x']);
    for (let look = 0; look < 2; look++) {
      expect((await call(['receive', 'again', '--peek', '--body'])).out).toBe('x\n');
    }
    await call(['receive', 'again', '--no-ack', '--invisible', '1s']);
    const second = await call(['receive', 'again', '--wait', '10s', '-o', 'json']);
    expect(JSON.parse(second.out)).toMatchObject({ body: 'x', deliveryAttempt: 2 });
  });

  it('is chosen by its tag', async () => {
    await call(['send', 'tagged', 'no', '-t', 'B']);
    await call(['send', 'tagged', 'yes', '-t', 'A']);
    const chosen = await call(['receive', 'tagged', '--filter', 'A || C', '--body']);
    expect(chosen.out).toBe('yes\n');
  });
});

describe('a consumer group', () => {
  it('is created, listed, paused and deleted', async () => {
    await call(['group', 'create', 'g1', '--max-attempts', '3', '--ordered', '--backoff', '1s,5s']);
    expect((await call(['group', 'update', 'g1', '--pause'])).out).toContain('paused');
    const listed = await call(['group', 'list', 'g', '-o', 'json']);
    expect(JSON.parse(listed.out)).toEqual([
      {
        name: 'g1',
        maxAttempts: 3,
        ordered: true,
        startPosition: 'latest',
        paused: true,
        backoff: { stepsMs: [1_000, 5_000] },
      },
    ]);
    expect((await call(['group', 'delete', 'g1', '-y'])).code).toBe(0);
  });
});

describe('a bench', () => {
  it('sends and receives what it was asked to', async () => {
    const sent = await call(['bench', 'send', 'load', '-n', '300', '--size', '100', '-o', 'json']);
    expect(JSON.parse(sent.out)).toMatchObject({ messages: 300, errors: 0 });
    const words = ['bench', 'receive', 'load', '-n', '300', '--inflight', '4', '-o', 'json'];
    expect(JSON.parse((await call(words)).out)).toMatchObject({ messages: 300, errors: 0 });
  });
});

describe('TLS', () => {
  it('is spoken at the same port; an unknown issuer is refused unless told otherwise', async () => {
    const refused = await call(['status', '--tls']);
    expect(refused.code).toBe(10);
    expect(refused.error).toMatch(
      /^orbitmq: the TLS certificate of .* is not trusted: .*\n {2}hint/,
    );
    expect(await call(['status', '--tls-insecure'])).toMatchObject({ code: 0, error: '' });
  });
});

describe('a node that cannot start', () => {
  const standalone = async (words: readonly string[], env = {}): Promise<Outcome> => {
    const ports = ['--listen', `127.0.0.1:${await freePort()}`, '--http-listen', '127.0.0.1:0'];
    return orbitmq(['standalone', '--log-format', 'text', ...ports, ...words], { env });
  };
  const lastWords = ({ error }: Outcome): string => error.slice(error.indexOf('orbitmq: '));

  it('names the taken port and the option to change it', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
    const data = ['--data-dir', join(directory, 'port')];
    const outcome = await standalone([...data, '--listen', address]);
    taken.close();
    expect(lastWords(outcome)).toBe(
      `orbitmq: ${address} is in use by another process\n` +
        '  hint: Stop the other process, or choose another address with --listen.\n',
    );
    expect(outcome.code).toBe(3);
  });

  it('names the data directory that another process has', async () => {
    const outcome = await standalone(['--data-dir', broker.dataDirectory]);
    expect(lastWords(outcome)).toMatch(/^orbitmq: .*another process.*\n {2}hint: .*\n$/);
    expect(outcome.code).toBe(4);
  });

  it('names the data directory that is a file', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    const outcome = await standalone(['--data-dir', file]);
    expect(lastWords(outcome)).toMatch(/^orbitmq: data directory .* cannot be used: .*\n {2}hint/);
    expect(outcome.code).toBe(5);
  });

  it('lists all wrong options, with where each came from', async () => {
    const file = join(directory, 'bad.yaml');
    writeFileSync(file, 'store:\n  flsh: sync\n');
    const outcome = await standalone(['--config', file], { ORBITMQ_MAX_TOPICS: 'many' });
    expect(outcome.error).toContain('2 options are not valid');
    expect(outcome.error).toContain(
      `${file}:2: unknown option "store.flsh"; did you mean store.flush?`,
    );
    expect(outcome.error).toContain('ORBITMQ_MAX_TOPICS: "many" is not a whole number');
    expect(outcome.code).toBe(2);
  });
});

describe('bin/orbitmq.js', () => {
  const oldNode = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'node'))
    .find((node) => /^v(1[89]|20|21)\./.test(String(spawnSync(node, ['--version']).stdout)));

  it('starts itself again with the Node that comes along when the running one is too old', async () => {
    // Without an old Node on this machine, the present one shows that nothing is started twice.
    const outcome = await orbitmq(['--version'], { node: oldNode ?? NODE });
    expect(outcome).toMatchObject({ code: 0, error: '' });
    expect(outcome.out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('ends with the code of the command', async () => {
    expect(await orbitmq(['nonsense'], { node: oldNode ?? NODE })).toMatchObject({ code: 2 });
  });

  it('is executable', () => {
    expect(spawnSync(COMMAND, ['--version'], { timeout: TIMEOUT_MS }).status).toBe(0);
  });
});

describe('store tools', () => {
  it('find the store of a stopped node sound', async () => {
    const { code } = await broker.stop();
    expect(code).toBe(0);
    const verified = await orbitmq(['store', 'verify', broker.dataDirectory, '-o', 'json']);
    expect(JSON.parse(verified.out)).toMatchObject({ sound: true, problems: [] });
    const described = await orbitmq(['store', 'describe', broker.dataDirectory]);
    expect(described.out).toMatch(/^Message +\d+/m);
    expect((await orbitmq(['store', 'repair', broker.dataDirectory])).out).toBe(
      'nothing to repair\n',
    );
  });
});
