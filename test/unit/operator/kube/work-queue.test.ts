import { describe, expect, it } from '@jest/globals';
import { KubeError } from '../../../../operator/kube/kube-error.ts';
import { TerminalError } from '../../../../operator/kube/terminal-error.ts';
import {
  WorkQueue,
  type TurnContext,
  type TurnResult,
} from '../../../../operator/kube/work-queue.ts';
import { KubePortsKit, metricValue, settle } from '../../../support/kube-ports.ts';

type Turn = (key: string, context: TurnContext) => Promise<TurnResult | undefined>;

function queueOf(turn: Turn, workers = 2) {
  const kit = new KubePortsKit();
  const queue = new WorkQueue({ name: 'q', workers, timeoutMs: 1_000, turn }, kit.ports);
  return { kit, queue };
}

/** Turns that end when the test says so. */
function heldTurns() {
  const open = new Map<string, () => void>();
  const log: string[] = [];
  const turn: Turn = async (key) => {
    log.push(key);
    await new Promise<void>((resolve) => open.set(key, resolve));
    return undefined;
  };
  const end = async (key: string) => {
    open.get(key)?.();
    await settle();
  };
  return { log, turn, end };
}

describe('the work queue', () => {
  it('does nothing before it is started, then gives each key one turn', async () => {
    const log: string[] = [];
    const { queue } = queueOf(async (key) => void log.push(key));
    for (const key of ['a', 'b', 'a']) queue.add(key);
    await settle();
    expect(log).toEqual([]);
    queue.start();
    await settle();
    expect(log).toEqual(['a', 'b']);
    await queue.stop();
  });

  it('has no more turns at once than workers, and never two of one key', async () => {
    const { log, turn, end } = heldTurns();
    const { queue } = queueOf(turn);
    queue.start();
    for (const key of ['a', 'b', 'c']) queue.add(key);
    queue.add('a');
    await settle();
    expect(log).toEqual(['a', 'b']);
    await end('a');
    expect(log).toEqual(['a', 'b', 'c']);
    await end('b');
    expect(log).toEqual(['a', 'b', 'c', 'a']);
    await end('c');
    await end('a');
    await queue.stop();
  });

  it('is idle until it is started, and whenever no turn is due or under way', async () => {
    const { turn, end } = heldTurns();
    const { queue } = queueOf(turn);
    queue.add('a');
    expect(queue.isIdle).toBe(true);
    queue.start();
    await settle();
    expect([queue.depth, queue.isIdle]).toEqual([0, false]);
    queue.addAfter('b', 1_000);
    await end('a');
    expect(queue.isIdle).toBe(true);
    await queue.stop();
  });

  it('tries again after growing pauses, tells how often it failed, and forgets it after a success', async () => {
    const failures: number[] = [];
    const { kit, queue } = queueOf(async (_, context) => {
      failures.push(context.failures);
      if (failures.length < 4) throw new Error('not yet');
      return undefined;
    });
    queue.start();
    queue.add('a');
    await kit.pass(5 + 10 + 20, 1);
    expect(failures).toEqual([0, 1, 2, 3]);
    queue.add('a');
    await settle();
    expect(failures.at(-1)).toBe(0);
    expect(await metricValue(kit.metrics, 'orbitmq_reconcile_retries_total')).toBe(3);
    const failed = kit.logger.lines.filter(
      ({ message }) => message === 'turn failed; it is tried again',
    );
    expect(failed).toHaveLength(3);
    await queue.stop();
  });

  it('comes back when a turn asks for it, and earlier when there is a reason', async () => {
    let turns = 0;
    const { kit, queue } = queueOf(async () => {
      turns++;
      return { requeueAfterMs: 10_000 };
    });
    queue.start();
    queue.add('a');
    await settle();
    await kit.pass(9_000);
    queue.add('a');
    await settle();
    expect(turns).toBe(2);
    await kit.pass(1_100);
    expect(turns).toBe(3);
    await queue.stop();
    expect(kit.time.waiting).toBe(0);
  });

  it('waits as long as a server with too many requests asks', async () => {
    let turns = 0;
    const { kit, queue } = queueOf(async () => {
      turns++;
      const error = { kind: 'too-many-requests', status: 429, message: 'x', retryAfterMs: 7_000 };
      throw new KubeError(error as never);
    });
    queue.start();
    queue.add('a');
    await kit.pass(6_900);
    expect(turns).toBe(1);
    await kit.pass(200);
    expect(turns).toBe(2);
    await queue.stop();
  });

  it('does not repeat what cannot succeed, until there is a new reason', async () => {
    let turns = 0;
    const { kit, queue } = queueOf(async () => {
      turns++;
      throw new TerminalError('SpecInvalid', 'that cannot be');
    });
    queue.start();
    queue.add('a');
    await kit.pass(120_000, 10_000);
    expect(turns).toBe(1);
    queue.add('a');
    await settle();
    expect(turns).toBe(2);
    const terminal = ['controller="q"', 'result="terminal"'];
    expect(await metricValue(kit.metrics, 'orbitmq_reconciles_total', ...terminal)).toBe(2);
    await queue.stop();
  });

  it('aborts a turn that takes too long, and shows since when the oldest one runs', async () => {
    let reason = '';
    const { kit, queue } = queueOf(async (_, { signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      reason = 'aborted';
      throw new Error('too slow');
    });
    await kit.pass(5_000);
    queue.start();
    queue.add('a');
    await settle();
    const since = await metricValue(kit.metrics, 'orbitmq_reconcile_in_progress_since_seconds');
    expect(since * 1_000).toBe(kit.time.nowMs());
    await kit.pass(1_000);
    expect(reason).toBe('aborted');
    await queue.stop();
    expect(await metricValue(kit.metrics, 'orbitmq_reconcile_in_progress_since_seconds')).toBe(0);
  });

  it('stops: aborts what runs, waits for its end, and forgets the rest', async () => {
    const log: string[] = [];
    const { kit, queue } = queueOf(async (key, { signal }) => {
      log.push(key);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      await settle();
      log.push(`${key} ended`);
      throw new Error('given up');
    }, 1);
    queue.start();
    for (const key of ['a', 'b']) queue.add(key);
    queue.addAfter('c', 10);
    await settle();
    await queue.stop();
    queue.add('d');
    await kit.pass(1_000);
    expect(log).toEqual(['a', 'a ended']);
    expect(kit.time.waiting).toBe(0);
  });
});
