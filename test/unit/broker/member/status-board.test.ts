import { describe, expect, it } from '@jest/globals';
import { StatusBoard } from '../../../../broker/member/status-board.ts';
import { memberStatus } from '../../../support/member-status.ts';
import { simulate, type World } from '../../../simulation/world.ts';

const onBoard = (
  body: (board: StatusBoard, change: (to: object) => void, world: World) => Promise<void>,
) =>
  simulate(3, async (world) => {
    let status = memberStatus({ leaseLeftMs: 500 });
    const board: StatusBoard = new StatusBoard(world.addNode('b').environment.timers, () => ({
      ...status,
      statusVersion: board.version,
    }));
    board.look();
    await body(board, (to) => (status = { ...status, ...to }), world);
  });

describe('the status board', () => {
  it('answers at once who knows less, and who knows all when something changes', () =>
    onBoard(async (board, change) => {
      const known = await board.whenAfter(0, 1_000);
      expect(known.role).toBe('follower');
      const waiting = board.whenAfter(known.statusVersion, 1_000);
      change({ role: 'master' });
      board.look();
      const next = await waiting;
      expect(next.role).toBe('master');
      expect(next.statusVersion).toBeGreaterThan(known.statusVersion);
    }));

  it('does not count progress as a change, and answers when the wait is over', () =>
    onBoard(async (board, change, world) => {
      const known = await board.whenAfter(0, 0);
      const startMs = world.scheduler.nowMs;
      const waiting = board.whenAfter(known.statusVersion, 500);
      change({ logEndOffset: 100, confirmOffset: 90, leaseLeftMs: 400 });
      board.look();
      const next = await waiting;
      expect(world.scheduler.nowMs - startMs).toBeGreaterThanOrEqual(500);
      expect(next.logEndOffset).toBe(100);
    }));

  it('sends the oldest home when too many wait', () =>
    onBoard(async (board) => {
      const { statusVersion } = await board.whenAfter(0, 0);
      const first = board.whenAfter(statusVersion, 10_000);
      for (let i = 0; i < 64; i++) void board.whenAfter(statusVersion, 1_000);
      expect((await first).statusVersion).toBe(statusVersion);
    }));

  it('lets everybody go when it closes', () =>
    onBoard(async (board) => {
      const { statusVersion } = await board.whenAfter(0, 0);
      const waiting = board.whenAfter(statusVersion, 10_000);
      board.close();
      expect((await waiting).role).toBe('follower');
    }));
});
