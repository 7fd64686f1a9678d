import { describe, expect, it } from '@jest/globals';
import { Metrics } from '../../../../common/metrics/metrics.ts';
import {
  LAG_PATTERN,
  MASTER_PATTERN,
  waitForHandOver,
} from '../../../../operator/resource/wait-for-hand-over.ts';
import { ManualTime } from '../../../support/manual-time.ts';

const ROLES = ['recovering', 'follower', 'promoting', 'master', 'handing-over'] as const;

async function metricsOf(role: (typeof ROLES)[number]): Promise<string> {
  const metrics = new Metrics({ cluster: 'c', node_type: 'broker', node_id: 'broker-0' }, 100);
  metrics.collect('memberRole', () => ROLES.map((name) => [{ role: name }, name === role ? 1 : 0]));
  metrics.collect('replicationLagSeconds', () => [
    [{ member: 'a' }, 0],
    [{ member: 'b' }, 12.5],
  ]);
  const pieces: string[] = [];
  for await (const piece of metrics.render(new ManualTime())) pieces.push(piece);
  return pieces.join('');
}

describe('the hook before a pod stops', () => {
  it.each([
    ['recovering', false],
    ['follower', false],
    ['promoting', true],
    ['master', true],
    ['handing-over', true],
  ] as const)(
    'sees in the metrics of a member that is %s whether it is to wait',
    async (role, waits) => {
      expect(MASTER_PATTERN.test(await metricsOf(role))).toBe(waits);
    },
  );

  it('sees how far the slaves are', async () => {
    const lags = [...(await metricsOf('master')).matchAll(LAG_PATTERN)].map(([, lag]) => lag);
    expect(lags).toEqual(['0', '12.5']);
  });

  it('is a program that Node can read, with its bound in it', () => {
    const [program = '', flag, script = ''] = waitForHandOver(45);
    expect([program, flag]).toEqual(['node', '-e']);
    expect(script).toContain('Date.now() + 45000');
    expect(() => Reflect.construct(AsyncFunction, [script]) as unknown).not.toThrow();
  });
});

/** Runs the hook at a node that says these roles, one a look; resolves with the time until it lets the pod stop. */
async function stayMs(roles: readonly (typeof ROLES)[number][]): Promise<number> {
  let nowMs = 1_000;
  const texts = await Promise.all(roles.map(metricsOf));
  const [, , script = ''] = waitForHandOver(45);
  return new Promise((resolve) => {
    let isOver = false;
    const world = {
      Date: { now: () => nowMs },
      fetch: async () => ({ text: async () => (texts.length > 1 ? texts.shift() : texts[0]) }),
      setTimeout: (task: () => void, delayMs: number) => {
        nowMs += delayMs;
        if (!isOver) setImmediate(task);
      },
      process: {
        exit: () => {
          if (!isOver) resolve(nowMs - 1_000);
          isOver = true;
        },
      },
    };
    const run = Reflect.construct(AsyncFunction, [...Object.keys(world), script]) as (
      ...parts: unknown[]
    ) => Promise<void>;
    void run(...Object.values(world));
  });
}

describe('a pod that is to stop', () => {
  it('stays until the Service leads elsewhere after it has handed over', async () => {
    expect(await stayMs(['master', 'handing-over', 'follower'])).toBe(250 + 5_000);
  });

  it('may have handed over before it was asked to wait', async () => {
    expect(await stayMs(['follower'])).toBe(5_000);
  });

  it('waits for its bound and no longer', async () => {
    expect(await stayMs(['master'])).toBe(45_000 + 250);
  });
});

/** Reads a program without running it. */
const AsyncFunction = (async () => Promise.resolve()).constructor as FunctionConstructor;
