import { execFile } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';

interface Result {
  code: number;
  output: string;
}

function runSeeds(...args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    const argv = ['test/simulation/run-seeds.ts', ...args];
    execFile(process.execPath, argv, { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

describe('run-seeds', () => {
  it('runs a scenario over a range of seeds and says that all hold', async () => {
    const { code, output } = await runSeeds('--scenario', 'toy-log', '--seeds', '5', '--from', '3');
    expect(output).toMatch(/toy-log: 5 seeds from 3, all hold/);
    expect(code).toBe(0);
  });

  it('names the scenarios there are when asked for another', async () => {
    const { code, output } = await runSeeds('--scenario', 'none');
    expect(output).toMatch(/no scenario 'none', there are: .*toy-log/);
    expect(code).not.toBe(0);
  });

  it('refuses a number of seeds that is none', async () => {
    const { code, output } = await runSeeds('--seeds', 'many');
    expect(output).toMatch(/--seeds takes a positive integer, not 'many'/);
    expect(code).not.toBe(0);
  });
});
