import { describe, expect, it } from '@jest/globals';
import { BenchRun } from '../../../cli/bench-run.ts';

const limits = { count: 100, durationMs: 60_000, inflight: 8 };

describe('BenchRun', () => {
  it('does exactly as much as was asked for, with no more in flight than allowed', async () => {
    let inflight = 0;
    let most = 0;
    const result = await new BenchRun(limits).run(1, async () => {
      most = Math.max(most, ++inflight);
      await Promise.resolve();
      inflight--;
      return { messages: 1, bytes: 10 };
    });
    expect(result).toMatchObject({ messages: 100, errors: 0, firstError: '' });
    expect(most).toBe(8);
  });

  it('gives up on a server that only fails, and tells the first error', async () => {
    const result = await new BenchRun({ ...limits, count: 1_000_000 }).run(1, () =>
      Promise.reject(new Error('gone')),
    );
    expect(result).toMatchObject({ messages: 0, errors: 160, firstError: 'gone' });
  });

  it('goes on when an operation came back with less than it had claimed', async () => {
    let turn = 0;
    const result = await new BenchRun({ ...limits, inflight: 1 }).run(32, async () => {
      return { messages: turn++ % 2 === 0 ? 0 : 10, bytes: 0 };
    });
    expect(result.messages).toBe(100);
  });
});
