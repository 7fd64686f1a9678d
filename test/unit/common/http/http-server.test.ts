import { afterEach, describe, expect, it } from '@jest/globals';
import { isMqError } from '../../../../common/errors/mq-error.ts';
import { HttpServer } from '../../../../common/http/http-server.ts';
import { nodeRoutes } from '../../../../common/http/node-routes.ts';
import { CollectingLogger } from '../../../support/collecting-logger.ts';
import { Metrics } from '../../../../common/metrics/metrics.ts';

const LOCAL = { host: '127.0.0.1', port: 0 };
const clock = { nowMs: () => 0, monotonicMs: () => 0 };
const timers = {
  after: () => ({ cancel: () => undefined }),
  soon: (task: () => void) => setImmediate(task),
};

let server: HttpServer | undefined;
const logger = new CollectingLogger();
let diskReason: string | undefined;

async function start(): Promise<string> {
  const metrics = new Metrics({ cluster: 'c', node_type: 'broker', node_id: 'b' }, 5_000);
  for (let i = 0; i < 3_000; i++)
    metrics
      .counter('protocolErrors')
      .cell({ reason: `r${i}` })
      .add();
  const routes = nodeRoutes(metrics, timers, [{ name: 'disk', reason: () => diskReason }]);
  const bug = (): never => {
    throw new Error('bug');
  };
  server = new HttpServer(LOCAL, '--http-listen', { ...routes, '/bug': bug }, logger, clock);
  const { port } = await server.start();
  return `http://127.0.0.1:${port}`;
}

/** As Prometheus sees it. */
async function ready(url: string): Promise<string | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return /^orbitmq_ready\{[^}]*\} (\d)$/m.exec(text)?.[1];
}

afterEach(async () => {
  await server?.stop();
  server = undefined;
});

describe('HttpServer', () => {
  it('streams metrics', async () => {
    const response = await fetch(`${await start()}/metrics?x=1`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0.0.4/);
    expect((await response.text()).split('\n')).toHaveLength(3_006);
  });

  it('is healthy while it answers, and ready when every check holds', async () => {
    const url = await start();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    diskReason = undefined;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await ready(url)).toBe('1');
    diskReason = 'disk is full';
    expect(await ready(url)).toBe('0');
    const response = await fetch(`${url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      status: 'not ready',
      checks: [{ name: 'disk', ready: false, reason: 'disk is full' }],
    });
  });

  it('knows no other paths and no other methods', async () => {
    const url = await start();
    expect((await fetch(`${url}/constructor`)).status).toBe(404);
    expect((await fetch(`${url}/healthz`, { method: 'POST', body: 'x' })).status).toBe(405);
    const head = await fetch(`${url}/healthz`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('survives a handler that throws', async () => {
    const url = await start();
    expect((await fetch(`${url}/bug`)).status).toBe(500);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(logger.lines.some(({ message }) => message === 'http request failed')).toBe(true);
  });

  it('tells which option to change when the port is taken', async () => {
    const port = Number((await start()).split(':')[2]);
    const second = new HttpServer({ ...LOCAL, port }, '--http-listen', {}, logger, clock);
    const error: unknown = await second.start().catch((reason: unknown) => reason);
    expect(isMqError(error) && [error.code, error.hint]).toEqual([
      'port-in-use',
      'Stop the other process, or choose another address with --http-listen.',
    ]);
  });
});
