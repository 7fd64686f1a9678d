import { describe, expect, it } from '@jest/globals';
import { CollectingLogger } from '../../../support/collecting-logger.ts';
import { Lifecycle, type Component } from '../../../../common/lifecycle/lifecycle.ts';

function world() {
  const timeouts: (() => void)[] = [];
  const logger = new CollectingLogger();
  const lifecycle = new Lifecycle({
    clock: { nowMs: () => 0, monotonicMs: () => 0 },
    timers: {
      after: (_ms, task) => {
        timeouts.push(task);
        return { cancel: () => undefined };
      },
      soon: (task) => queueMicrotask(task),
    },
    logger,
    graceMs: 10_000,
  });
  const events: string[] = [];
  const part = (name: string, own: Partial<Component> = {}): Component => ({
    name,
    order: 'because',
    start: async () => void events.push(`+${name}`),
    stop: async () => void events.push(`-${name}`),
    ...own,
  });
  return { lifecycle, events, part, timeouts, logger };
}

describe('Lifecycle', () => {
  it('stops in the opposite order of the start', async () => {
    const { lifecycle, events, part } = world();
    await lifecycle.start([part('disk'), part('log')]);
    await lifecycle.start([part('port')]);
    await lifecycle.stop();
    expect(events).toEqual(['+disk', '+log', '+port', '-port', '-log', '-disk']);
  });

  it('stops what had started when a start fails, and tells that failure', async () => {
    const { lifecycle, events, part } = world();
    const failing = part('port', { start: () => Promise.reject(new Error('taken')) });
    await expect(lifecycle.start([part('log'), failing, part('late')])).rejects.toThrow('taken');
    expect(events).toEqual(['+log', '-log']);
  });

  it('stops once, however often it is asked', async () => {
    const { lifecycle, events, part } = world();
    await lifecycle.start([part('log')]);
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    expect(events).toEqual(['+log', '-log']);
  });

  it('goes on stopping when one stop fails, and tells it', async () => {
    const { lifecycle, events, part, logger } = world();
    await lifecycle.start([
      part('log'),
      part('port', { stop: () => Promise.reject(new Error('EIO')) }),
    ]);
    await expect(lifecycle.stop()).rejects.toThrow('EIO');
    expect(events).toContain('-log');
    expect(logger.lines.at(-1)?.message).toBe('port did not stop cleanly');
  });

  it('gives up after the grace and names what is still open', async () => {
    const { lifecycle, part, timeouts } = world();
    await lifecycle.start([
      part('log'),
      part('port', { stop: () => new Promise(() => undefined) }),
    ]);
    const stopped = lifecycle.stop();
    timeouts[0]?.();
    await expect(stopped).rejects.toThrow('not stopped after 10000 ms; still open: log, port');
  });

  it('starts nothing more once it is stopping', async () => {
    const { lifecycle, events, part } = world();
    const slow = part('log', { start: async () => void lifecycle.stop() });
    await lifecycle.start([slow, part('port')]);
    expect(events).toEqual([]);
  });
});
