import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LeaseView, type LeaseRecord } from '../../../../../operator/kube/core/lease-view.ts';

const held: LeaseRecord = {
  holderIdentity: 'other',
  leaseDurationSeconds: 15,
  acquireTime: '2020-01-01T00:00:00.000000Z',
  renewTime: '2020-01-01T00:00:00.000000Z',
  leaseTransitions: 3,
};

describe('the view of a lease', () => {
  it('waits a whole lease by its own clock, however old the times in the record are', () => {
    const view = new LeaseView('me', 15_000);
    expect(view.observe(held, 1_000)).toEqual({ kind: 'taken', holder: 'other', freeInMs: 15_000 });
    expect(view.observe(held, 15_999).kind).toBe('taken');
    expect(view.observe(held, 16_000).kind).toBe('free');
  });

  it('begins to wait anew with any change, also one that goes back in time', () => {
    const view = new LeaseView('me', 15_000);
    view.observe(held, 0);
    expect(view.observe({ ...held, renewTime: '1999' }, 14_999).kind).toBe('taken');
    expect(view.observe({ ...held, renewTime: '1999' }, 29_998).kind).toBe('taken');
    expect(view.observe({ ...held, renewTime: '1999' }, 29_999).kind).toBe('free');
  });

  it('takes a lease that was given back, at once', () => {
    const view = new LeaseView('me', 15_000);
    expect(view.observe(view.release(held, 'now'), 0).kind).toBe('free');
  });

  it('counts changes of holder, and keeps the time when the own time began', () => {
    const view = new LeaseView('me', 15_000);
    expect(view.claim({}, 'now')).toEqual({
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: 'now',
      renewTime: 'now',
      leaseTransitions: 0,
    });
    const mine = view.claim(held, 'then');
    expect(mine).toMatchObject({ acquireTime: 'then', leaseTransitions: 4 });
    expect(view.claim(mine, 'now')).toMatchObject({ acquireTime: 'then', renewTime: 'now' });
    expect(view.observe(mine, 0)).toEqual({ kind: 'mine' });
  });

  it('never lets two candidates hold it at once, whatever their clocks say, while each renews in time', () => {
    const step = fc.record({ who: fc.nat(2), passMs: fc.nat(9_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        // Monotonic clocks start anywhere; wall clocks are nonsense.
        const candidates = [0, 1, 2].map((n) => ({
          view: new LeaseView(`c${n}`, 15_000),
          offsetMs: n * 1e6,
        }));
        let record: LeaseRecord = {};
        let nowMs = 0;
        let write = 0;
        const heldUntilMs = new Map<string, number>();
        for (const { who, passMs } of steps) {
          nowMs += passMs;
          const { view, offsetMs } = candidates[who]!;
          if (view.observe(record, nowMs + offsetMs).kind === 'taken') continue;
          const others = [...heldUntilMs].filter(([name]) => name !== `c${who}`);
          // The holder believes in itself for the renew deadline, 10 s.
          expect(others.every(([, untilMs]) => untilMs <= nowMs)).toBe(true);
          record = view.claim(record, `write ${write++}`);
          view.observe(record, nowMs + offsetMs);
          heldUntilMs.set(`c${who}`, nowMs + 10_000);
        }
      }),
    );
  });
});
