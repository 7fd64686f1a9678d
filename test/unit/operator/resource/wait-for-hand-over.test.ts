import { describe, expect, it } from '@jest/globals';
import { Metrics } from '../../../../common/metrics/metrics.ts';
import {
  CONNECTED_PATTERN,
  LAG_PATTERN,
  MASTER_PATTERN,
  SINCE_PATTERN,
  waitForHandOver,
} from '../../../../operator/resource/wait-for-hand-over.ts';
import { ManualTime } from '../../../support/manual-time.ts';

const ROLES = ['recovering', 'follower', 'promoting', 'master', 'handing-over'] as const;

/** What a node says of itself. */
interface Said {
  readonly role: (typeof ROLES)[number];
  /** Since it was the master, or has started. */
  readonly sinceSeconds?: number;
  /** Of the slave that can take over; the other one is too far behind. */
  readonly isHeirConnected?: boolean;
}

async function metricsOf({
  role,
  sinceSeconds = 0,
  isHeirConnected = true,
}: Said): Promise<string> {
  const metrics = new Metrics({ cluster: 'c', node_type: 'broker', node_id: 'broker-0' }, 100);
  metrics.collect('memberRole', () => ROLES.map((name) => [{ role: name }, name === role ? 1 : 0]));
  metrics.collectValue('memberSinceMaster', () => sinceSeconds);
  metrics.collect('slaveConnected', () => [
    [{ member: 'a' }, Number(isHeirConnected)],
    [{ member: 'b' }, 1],
  ]);
  metrics.collect('replicationLagSeconds', () => [
    [{ member: 'a' }, 0],
    [{ member: 'b' }, 112.5],
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
      expect(MASTER_PATTERN.test(await metricsOf({ role }))).toBe(waits);
    },
  );

  it('sees how far the slaves are, which of them are connected, and since when it is master no more', async () => {
    const text = await metricsOf({ role: 'follower', sinceSeconds: 3.25, isHeirConnected: false });
    expect([...text.matchAll(LAG_PATTERN)].map(([, ...found]) => found)).toEqual([
      ['a', '0'],
      ['b', '112.5'],
    ]);
    expect([...text.matchAll(CONNECTED_PATTERN)].map(([, name]) => name)).toEqual(['b']);
    expect(SINCE_PATTERN.exec(text)?.[1]).toBe('3.25');
  });

  it('is a program that Node can read, with its bound in it', () => {
    const [program = '', flag, script = ''] = waitForHandOver(45);
    expect([program, flag]).toEqual(['node', '-e']);
    expect(script).toContain('Date.now() + 45000');
    expect(() => Reflect.construct(AsyncFunction, [script]) as unknown).not.toThrow();
  });
});

/** Runs the hook at a node that says this, one a look; resolves with the time until it lets the pod stop. */
async function stayMs(said: readonly Said[]): Promise<number> {
  let nowMs = 1_000;
  const texts = await Promise.all(said.map(metricsOf));
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
  const former = (sinceSeconds: number): Said => ({ role: 'follower', sinceSeconds });
  const master = { role: 'master' } as const;

  it('stays until the Service leads elsewhere after it has handed over', async () => {
    const said = [master, { role: 'handing-over' }, former(0.1), former(4.9), former(5.1)] as const;
    expect(await stayMs(said)).toBe(4 * 250);
  });

  it('goes at once when it is a slave', async () => {
    expect(await stayMs([former(1_000)])).toBe(0);
  });

  it('goes without a hand-over when nobody is connected any more who could take over', async () => {
    const alone = { role: 'master', isHeirConnected: false } as const;
    expect(await stayMs([master, alone])).toBe(2_000);
  });

  it('waits on when a slave that could take over was away for a moment', async () => {
    const alone = { role: 'master', isHeirConnected: false } as const;
    expect(await stayMs([...Array<Said>(6).fill(alone), master, former(5)])).toBe(7 * 250);
  });

  it('waits for its bound and no longer', async () => {
    expect(await stayMs([master])).toBe(45_000 + 250);
  });
});

/** Reads a program without running it. */
const AsyncFunction = (async () => Promise.resolve()).constructor as FunctionConstructor;
