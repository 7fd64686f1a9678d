import { describe, expect, it } from '@jest/globals';
import { buildPlugin } from '../../../../cli/kube/plugin-program.ts';
import { runCommandLine } from '../../../../cli/run.ts';
import type { Terminal } from '../../../../cli/terminal.ts';

async function run(...words: string[]): Promise<{ code: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const terminal: Terminal = {
    out: (text) => void (out += text),
    error: (text) => void (error += text),
    ...{ isOutputTty: false, isErrorTty: false, isInputTty: false, columns: 80, env: {} },
    input: async function* () {
      yield* [];
    },
  };
  const context = { terminal, version: '1.2.3' };
  const code = await runCommandLine(context, buildPlugin(context), words);
  return { code, out, error };
}

describe('kubectl orbitmq', () => {
  it('shows its help when nothing is asked of it', async () => {
    const { code, out } = await run();
    expect(code).toBe(0);
    for (const command of [
      ...['status', 'topics', 'lag', 'switchover', 'explain-failover', 'fence', 'unfence'],
      ...['pause', 'resume', 'send', 'receive', 'logs', 'support-bundle', 'topic', 'group'],
    ]) {
      expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
    }
  });

  it.each([['send'], ['receive']])('leaves -n to the namespace in %s', async (command) => {
    const { out } = await run(command, '--help');
    expect(out).toContain('  --count <number>');
    expect(out).not.toContain('-n, --count');
    expect(out).not.toContain('--endpoint');
    expect(out).toContain('-n, --namespace <name>');
  });

  it.each([
    [['status']],
    [['topics']],
    [['switchover', 'broker-0']],
    [['send', 'orders', 'hello']],
  ])('%j takes the flags of kubectl on either side', async (words) => {
    const flags = ['--kubeconfig', '/nowhere/at/all', '-n', 'shop'];
    for (const line of [
      [...words, ...flags],
      [...flags, ...words],
    ]) {
      const { code, error } = await run(...line);
      expect(error).toMatch(
        /^orbitmq: the kubeconfig \/nowhere\/at\/all cannot be used: it does not exist\n {2}hint: .*\n$/,
      );
      expect(code).toBe(2);
    }
  });

  it.each([
    [['swichover', 'a'], "unknown command 'swichover'; did you mean switchover?"],
    [['switchover'], "missing required argument 'group'"],
    [['status', '-o', 'xml'], 'Allowed choices are table, json, yaml'],
    [['logs', '--tail', 'x'], 'not a whole number'],
  ])('%j is a usage error with a way out', async (words, reason) => {
    const { code, error } = await run(...words);
    expect(error).toMatch(/^orbitmq: .+\n {2}hint: See kubectl orbitmq.*\.\n$/);
    expect([error.includes(reason), code]).toEqual([true, 2]);
  });
});
