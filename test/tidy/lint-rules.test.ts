import { describe, expect, it } from '@jest/globals';
import { Linter } from 'eslint';
import { layerConfig } from '../../scripts/lint/layer-config.ts';
import { LAYERS } from '../../scripts/lint/layers.ts';

const linter = new Linter({ configType: 'flat', cwd: '/repository' });

/** Messages for `code` as if it stood at `path`. */
function lint(path: string, code: string): string[] {
  const messages = linter.verify(code, layerConfig, { filename: `/repository/${path}` });
  return messages.map(({ message }) => message);
}

const importing = (specifier: string): string => `import { x } from '${specifier}'; x();`;

/** For each row of the table: an import that it must refuse, and one in the same spirit that it must accept. */
const rows: Record<
  string,
  { refused: [from: string, to: string]; accepted: [from: string, to: string] }
> = {
  broker: {
    refused: ['broker/store/commit-log.ts', '../../namesrv/route/route-table.ts'],
    accepted: ['broker/store/commit-log.ts', '../../common/assert.ts'],
  },
  namesrv: {
    refused: ['namesrv/route/route-table.ts', '../../broker/broker.ts'],
    accepted: ['namesrv/name-server.ts', '../gateway/gateway.ts'],
  },
  operator: {
    refused: ['operator/reconcile/reconcile.ts', '../../namesrv/name-server.ts'],
    accepted: ['operator/reconcile/reconcile.ts', '../../common/assert.ts'],
  },
  gateway: {
    refused: ['gateway/rpc/send-message.ts', '../../broker/broker.ts'],
    accepted: ['gateway/rpc/send-message.ts', '../../proto/generated/v2.ts'],
  },
  common: {
    refused: ['common/lifecycle/lifecycle.ts', '../../broker/broker.ts'],
    accepted: ['common/lifecycle/lifecycle.ts', '../assert.ts'],
  },
  'broker inside': {
    refused: ['broker/consume/receive.ts', '../../gateway/broker-access.ts'],
    accepted: ['broker/activity/send-message.ts', '../../gateway/broker-access.ts'],
  },
  'cli below': {
    refused: ['cli/commands/broker.ts', '../../broker/broker.ts'],
    accepted: ['cli/commands/broker.ts', '../../broker/main.ts'],
  },
  'standalone below': {
    refused: ['standalone/main.ts', '../broker/store/commit-log.ts'],
    accepted: ['standalone/main.ts', '../broker/broker.ts'],
  },
  'cli on top': {
    refused: ['standalone/standalone.ts', '../cli/output/table.ts'],
    accepted: ['cli/commands/standalone.ts', '../../standalone/main.ts'],
  },
  'generated types': {
    refused: ['broker/store/commit-log.ts', '../../proto/generated/v2.ts'],
    accepted: ['broker/activity/send-message.ts', '../../proto/generated/v2.ts'],
  },
  'generated code': {
    refused: ['proto/load.ts', '../common/assert.ts'],
    accepted: ['proto/load.ts', './generated/v2.ts'],
  },
  grpc: {
    refused: ['gateway/gateway.ts', '@grpc/grpc-js'],
    accepted: ['common/rpc/grpc-server.ts', '@grpc/grpc-js'],
  },
  kubernetes: {
    refused: ['operator/reconcile/reconcile.ts', '@kubernetes/client-node'],
    accepted: ['operator/kube/informer.ts', '@kubernetes/client-node'],
  },
  logger: {
    refused: ['broker/broker.ts', 'winston'],
    accepted: ['common/log/winston-log.ts', 'winston'],
  },
  'metrics library': {
    refused: ['broker/broker.ts', 'prom-client'],
    accepted: ['common/metrics/registry.ts', 'prom-client'],
  },
  terminal: {
    refused: ['broker/main.ts', 'commander'],
    accepted: ['cli/program.ts', 'commander'],
  },
  tests: {
    refused: ['broker/broker.ts', '../test/support/builders.ts'],
    accepted: ['test/unit/broker/broker.test.ts', '../../support/builders.ts'],
  },
  'ambient modules': {
    refused: ['broker/store/commit-log.ts', 'node:fs/promises'],
    accepted: ['broker/main.ts', '../common/environment/node/node-environment.ts'],
  },
  sockets: {
    refused: ['gateway/gateway.ts', 'http2'],
    accepted: ['common/rpc/grpc-server.ts', 'node:net'],
  },
  'pure core': {
    refused: ['broker/consume/core/queue-progress.ts', '../../store/commit-log.ts'],
    accepted: ['broker/consume/core/queue-progress.ts', '../../../common/model/offsets.ts'],
  },
  values: {
    refused: ['common/model/topic.ts', '../errors/mq-error.ts'],
    accepted: ['common/model/topic.ts', './retry-policy.ts'],
  },
  ports: {
    refused: ['common/environment/clock.ts', '../log/log.ts'],
    accepted: ['common/environment/environment.ts', './clock.ts'],
  },
};

describe('the layer table', () => {
  it('has an example for each of its rows', () => {
    expect(Object.keys(rows).sort()).toEqual(LAYERS.map(({ name }) => name).sort());
  });

  it.each(Object.entries(rows))('row "%s" bites', (name, { refused: [from, to] }) => {
    const names = lint(from, importing(to)).map((message) => /^layer "(.*?)"/.exec(message)?.[1]);
    expect(names).toContain(name);
  });

  it.each(Object.entries(rows))(
    'row "%s" lets through what it should',
    (_name, { accepted: [from, to] }) => {
      expect(lint(from, importing(to))).toEqual([]);
    },
  );

  it.each([
    `import type { X } from '../../namesrv/x.ts'; export type Y = X;`,
    `export { x } from '../../namesrv/x.ts';`,
    `export * from '../../namesrv/x.ts';`,
    `export type X = import('../../namesrv/x.ts').X;`,
    `export const load = () => import('../../namesrv/x.ts');`,
    `import '../../namesrv/x.ts';`,
    `import x = require('../../namesrv/x.ts'); x();`,
  ])('sees the import in %s', (code) => {
    expect(lint('broker/store/commit-log.ts', code)).toEqual([
      expect.stringContaining('layer "broker"'),
    ]);
  });

  it('refuses a module name that it cannot read', () => {
    expect(lint('broker/broker.ts', 'export const load = (name) => import(name);')).toHaveLength(1);
  });
});

describe('the ambient world', () => {
  const file = 'broker/store/commit-log.ts';

  it.each([
    'Date.now()',
    'Date["now"]()',
    'new Date()',
    'Date()',
    'const { now } = Date; now()',
    'const D = Date; D.now()',
    'Math.random()',
    'const { random } = Math; random()',
    'setTimeout(() => {}, 1)',
    'setInterval(() => {}, 1)',
    'setImmediate(() => {})',
    'queueMicrotask(() => {})',
    'performance.now()',
    'process.env.HOME',
    'globalThis.setTimeout(() => {}, 1)',
    'global.process.exit()',
    'console.log(1)',
    'crypto.randomUUID()',
    'fetch("http://localhost")',
    'new WeakRef({})',
    'new FinalizationRegistry(() => {})',
    'AbortSignal.timeout(5)',
    'eval("1")',
    'new Function("return 1")()',
    'import.meta.dirname',
    'import { randomBytes } from "node:crypto"; randomBytes(1)',
    'import * as all from "node:crypto"; all.randomUUID()',
    'import all from "crypto"; all.randomUUID()',
  ])('does not come in through %s', (code) => {
    expect(lint(file, code).length).toBeGreaterThan(0);
  });

  it.each([
    'new Date(0).toISOString()',
    'Date.UTC(2026, 0)',
    'value instanceof Date',
    'Math.max(1, 2)',
    'AbortSignal.any([])',
    'import { createHash, type Hash } from "node:crypto"; createHash("sha256")',
    'const process = { exit() {} }; process.exit()',
    'export function f(performance) { return performance; }',
    'export const options = { process: 1, global: 2 }; options.process',
    'export type Timer = ReturnType<typeof setTimeout>',
    'export function f(date: Date): Date { return date; }',
  ])('is not touched by %s', (code) => {
    expect(lint(file, code)).toEqual([]);
  });

  it.each([
    'broker/main.ts',
    'common/environment/node/node-clock.ts',
    'cli/commands/send.ts',
    'bench/send.ts',
    'scripts/release.ts',
    'test/unit/x.test.ts',
  ])('is open to %s', (path) => {
    expect(lint(path, 'Date.now(); process.exit();')).toEqual([]);
  });
});

describe('a core folder', () => {
  it.each([
    'export async function f() {}',
    'export const f = async () => {};',
    'export class A { async f() {} }',
    'export async function* f() {}',
    'export function f(): Promise<void> { return g(); }',
    'export const f = () => Promise.resolve(1);',
    'import { Buffer } from "node:buffer"; Buffer.alloc(1)',
    'setTimeout(() => {}, 1)',
    'new Date()',
  ])('refuses %s', (code) => {
    expect(lint('broker/consume/core/queue-progress.ts', code).length).toBeGreaterThan(0);
  });

  it('stays pure inside the command line, which is otherwise free', () => {
    expect(lint('cli/core/columns.ts', 'Date.now()')).toHaveLength(1);
  });

  it('accepts arithmetic', () => {
    const code =
      'export const next = (state: number, now: number): number => Math.max(state, now);';
    expect(lint('broker/consume/core/queue-progress.ts', code)).toEqual([]);
  });
});
