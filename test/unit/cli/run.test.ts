import { describe, expect, it } from '@jest/globals';
import { NODE_OPTIONS } from '../../../common/options/node-options.ts';
import type { OptionTable } from '../../../common/options/option-definition.ts';
import { NODE_OPTION_NAMES } from '../../../common/options/resolve-options.ts';
import { buildProgram } from '../../../cli/program.ts';
import { runCommandLine } from '../../../cli/run.ts';
import type { Terminal } from '../../../cli/terminal.ts';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

async function run(...words: string[]): Promise<Outcome> {
  let out = '';
  let error = '';
  const terminal: Terminal = {
    out: (text) => void (out += text),
    error: (text) => void (error += text),
    isOutputTty: false,
    isErrorTty: false,
    columns: 80,
    env: {},
    input: async function* () {
      yield* [];
    },
    isInputTty: false,
  };
  const context = { terminal, version: '1.2.3' };
  const code = await runCommandLine(context, buildProgram(context), words);
  return { code, out, error };
}

describe('orbitmq', () => {
  it('shows its help when nothing is asked of it', async () => {
    const { code, out } = await run();
    expect(code).toBe(0);
    for (const command of [
      'standalone',
      'topic',
      'send',
      'receive',
      'bench',
      'store',
      'status',
      'cluster',
    ]) {
      expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
    }
  });

  it('knows its version', async () => {
    expect(await run('--version')).toEqual({ code: 0, out: '1.2.3\n', error: '' });
  });

  it('has every option of the table in the help of standalone, in sections', async () => {
    const { out } = await run('standalone', '--help');
    const text = out.replace(/\s+/g, ' ');
    const table: OptionTable = NODE_OPTIONS;
    for (const [key, { flag, env }] of NODE_OPTION_NAMES) {
      const isOurs = table[key]?.roles.includes('standalone') ?? false;
      expect([flag, text.includes(`${flag} [`) || text.includes(`${flag} <`)]).toEqual([
        flag,
        isOurs,
      ]);
      expect([env, new RegExp(`env ${env}\\b`).test(text)]).toEqual([env, isOurs]);
    }
    expect(text).toContain('How much work is taken on at once:');
  });

  it.each([
    [['topik'], "unknown command 'topik'; did you mean topic?", 'orbitmq --help'],
    [['topic'], 'a command is missing', 'orbitmq topic --help'],
    [['topic', 'create'], "missing required argument 'name'", 'orbitmq topic create --help'],
    [['topic', 'list', '--otput', 'json'], '; did you mean --output?', 'orbitmq topic list --help'],
    [['topic', 'create', 'a', '--queues', '0'], 'from 1 to 1024', 'orbitmq topic create --help'],
    [['topic', 'create', 'a', '--type', 'odd'], 'Allowed: NORMAL', 'orbitmq topic create --help'],
    [['topic', 'list', '-o', 'xml'], 'Allowed choices are table, json, yaml', 'topic list --help'],
    [['topic', 'list', '--timeout', '10'], 'not a duration', 'orbitmq topic list --help'],
    [['send', 't', 'x', '-p', 'novalue'], 'NAME=VALUE', 'orbitmq send --help'],
    [['topic', 'list', '--endpoint', 'nowhere'], 'is not an address', 'orbitmq --help'],
    [['cluster', '--replicas', '0'], 'from 1 to 9', 'orbitmq cluster --help'],
    [['cluster', '--min-in-sync', '3'], 'never be met by --replicas 2', 'orbitmq cluster --help'],
    [['cluster', 'explain'], "missing required argument 'group'", 'orbitmq cluster explain --help'],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish', 'orbitmq completion --help'],
    [['group', 'create', 'g', '--backoff', '1s,5'], '"5" is not a duration', 'group update --help'],
  ])('%j is a usage error with a way out', async (words, reason, help) => {
    const { code, out, error } = await run(...words);
    expect(error).toMatch(/^orbitmq: .+\n {2}hint: See .+\.\n$/);
    expect(error).toContain(reason);
    expect(error).toContain(help);
    expect([code, out]).toEqual([2, '']);
  });

  it('tells in one line that no server answers', async () => {
    const { code, error } = await run('topic', 'list', '--endpoint', '127.0.0.1:1');
    expect(error).toMatch(
      /^orbitmq: no server answers at 127\.0\.0\.1:1: connect ECONNREFUSED 127\.0\.0\.1:1\n {2}hint: .*\n$/,
    );
    expect(code).toBe(10);
  });

  it('shows where an error comes from when asked', async () => {
    const { error } = await run('--verbose', 'topic', 'list', '--endpoint', '127.0.0.1:1');
    expect(error).toMatch(/\n\s+at /);
  });

  it('does not delete without a confirmation', async () => {
    const { code, error } = await run('topic', 'delete', 'orders', '--endpoint', '127.0.0.1:1');
    expect(error).toContain('add --yes');
    expect(code).toBe(2);
  });

  it('says where it has looked for a cluster', async () => {
    const { code, error } = await run('cluster', 'status', '--data', '/nowhere');
    expect(error).toMatch(/no cluster runs in \/nowhere\n {2}hint: .*--controller HOST:PORT/);
    expect(code).toBe(12);
  });

  it('tells that a controller does not answer', async () => {
    const { code, error } = await run('cluster', 'status', '--controller', '127.0.0.1:1');
    expect(error).toContain('no server answers at 127.0.0.1:1');
    expect(code).toBe(10);
  });

  it('refuses to look for a store where there is none', async () => {
    const { code, error } = await run('store', 'verify', '/nowhere/at/all');
    expect(error).toContain('/nowhere/at/all holds no OrbitMQ data');
    expect(code).toBe(12);
  });

  it('completes commands, flags and choices', async () => {
    expect((await run('__complete', 'topic', 'de')).out).toBe(
      'describe\tshow queues, offsets and groups of a topic\ndelete\tdelete a topic with its messages\n',
    );
    expect((await run('__complete', 'topic', 'list', '--out')).out).toBe(
      '--output\tform of the result\n',
    );
    expect((await run('__complete', 'topic', 'list', '-o', '')).out).toBe('');
    expect((await run('__complete', 'topic', 'list', '--output', 'j')).out).toBe('json\t\n');
    expect((await run('__complete', 'standalone', '--flush-')).out).toContain('--flush-interval\t');
  });
});
