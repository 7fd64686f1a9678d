import { describe, expect, it } from '@jest/globals';
import { MqError } from '../../../../common/errors/mq-error.ts';
import { nullLogger } from '../../../../common/log/logger.ts';
import { Lifecycle } from '../../../../common/lifecycle/lifecycle.ts';
import type { ProcessPort, StopSignal } from '../../../../common/lifecycle/process-port.ts';
import { Supervisor } from '../../../../common/lifecycle/supervisor.ts';

class FakeProcess implements ProcessPort {
  signal: (signal: StopSignal) => void = () => undefined;
  uncaught: (error: unknown) => void = () => undefined;
  readonly exits: number[] = [];
  text = '';
  monotonicMs = 0;
  readonly clock = { nowMs: () => 0, monotonicMs: () => this.monotonicMs };

  onSignal(listener: (signal: StopSignal) => void): void {
    this.signal = listener;
  }
  onUncaught(listener: (error: unknown) => void): void {
    this.uncaught = listener;
  }
  exit(code: number): void {
    this.exits.push(code);
  }
  writeError(text: string): void {
    this.text += text;
  }
}

async function watched(stop: () => Promise<void>): Promise<FakeProcess> {
  const process = new FakeProcess();
  const lifecycle = new Lifecycle({
    clock: { nowMs: () => 0, monotonicMs: () => 0 },
    timers: { after: () => ({ cancel: () => undefined }), soon: (task) => queueMicrotask(task) },
    logger: nullLogger,
    graceMs: 1_000,
  });
  await lifecycle.start([{ name: 'log', order: 'first', start: async () => undefined, stop }]);
  new Supervisor(process, process.clock, nullLogger).watch(lifecycle);
  return process;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('Supervisor', () => {
  it('ends with 0 after a signal has drained and flushed', async () => {
    const process = await watched(async () => undefined);
    process.signal('SIGTERM');
    expect(process.exits).toEqual([]);
    await settled();
    expect(process.exits).toEqual([0]);
  });

  it('ends at once at the second signal, with the code of that signal', async () => {
    const process = await watched(() => new Promise(() => undefined));
    process.signal('SIGTERM');
    process.monotonicMs = 2_000;
    process.signal('SIGINT');
    expect(process.exits).toEqual([130]);
  });

  it('takes a signal that arrives twice for one', async () => {
    const process = await watched(() => new Promise(() => undefined));
    process.signal('SIGINT');
    process.monotonicMs = 100;
    process.signal('SIGINT');
    expect(process.exits).toEqual([]);
  });

  it('passes on the hint of a damaged store', async () => {
    const process = await watched(async () => undefined);
    const damage = {
      code: 'STORE',
      kind: 'corrupt',
      file: 'f',
      offset: 7,
      reason: 'CRC',
      hint: 'Repair.',
    };
    process.uncaught(Object.assign(new Error('x'), damage));
    expect(process.text).toBe(
      'orbitmq: store, corrupt: CRC (file f, log offset 7)\n  hint: Repair.\n',
    );
    expect(process.exits).toEqual([7]);
  });

  it('tells an error of the surroundings in two lines and without a stack', async () => {
    const process = await watched(async () => undefined);
    process.uncaught(new MqError('data-locked', { directory: './data' }));
    expect(process.text).toBe(
      'orbitmq: data directory ./data is used by another process\n' +
        '  hint: Stop that process, or choose another directory with --data-dir.\n',
    );
    expect(process.exits).toEqual([4]);
  });

  it('recognises what the operating system refused', async () => {
    const process = await watched(async () => undefined);
    const taken = { code: 'EADDRINUSE', syscall: 'listen', address: '127.0.0.1', port: 8081 };
    process.uncaught(Object.assign(new Error('listen EADDRINUSE'), taken));
    expect(process.text).toContain('127.0.0.1:8081 is in use');
    process.uncaught(Object.assign(new Error('EACCES'), { code: 'EACCES', path: '/data/log' }));
    expect(process.text).toContain('/data/log cannot be used: permission denied');
    process.uncaught(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', path: '/data/log' }));
    expect(process.exits).toEqual([3, 5, 6]);
  });

  it('shows the stack of a bug', async () => {
    const process = await watched(async () => undefined);
    process.uncaught(new Error('invariant broken'));
    expect(process.text).toMatch(/^orbitmq: invariant broken\nError: invariant broken\n {4}at /);
    process.uncaught('a string');
    expect(process.exits).toEqual([1, 1]);
  });
});
