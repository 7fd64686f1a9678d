import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { WriteLease } from '../../../../../broker/ha/core/write-lease.ts';

const LEASE_MS = 3_500;

describe('the write lease', () => {
  it('lasts from the send time of the latest heartbeat that a majority has granted', () => {
    const lease = new WriteLease(3, LEASE_MS);
    expect(lease.validUntilMs).toBe(-Infinity);
    lease.granted(0, 1_000);
    expect(lease.validUntilMs).toBe(-Infinity);
    lease.granted(2, 900);
    expect(lease.validUntilMs).toBe(900 + LEASE_MS);
    lease.granted(1, 950);
    expect(lease.validUntilMs).toBe(950 + LEASE_MS);
    lease.granted(0, 10);
    expect(lease.validUntilMs).toBe(950 + LEASE_MS);
  });

  it('ends when a majority has withdrawn, and never exists without NameServers', () => {
    const lease = new WriteLease(3, LEASE_MS);
    for (const server of [0, 1, 2]) lease.granted(server, 100);
    lease.withdrawn(1);
    expect(lease.validUntilMs).toBe(100 + LEASE_MS);
    lease.withdrawn(0);
    expect(lease.validUntilMs).toBe(-Infinity);
    expect(new WriteLease(0, LEASE_MS).validUntilMs).toBe(-Infinity);
  });

  it('is over before any majority of silent NameServers can be found', () => {
    const grants = fc.array(fc.tuple(fc.nat(4), fc.nat(10_000)), { maxLength: 30 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), grants, (count, events) => {
        const lease = new WriteLease(count, LEASE_MS);
        const heard = Array.from({ length: count }, () => -Infinity);
        for (const [server, sentMs] of events) {
          if (server >= count) continue;
          lease.granted(server, sentMs);
          heard[server] = Math.max(heard[server] ?? -Infinity, sentMs);
        }
        // With an expiry as long as the lease a NameServer is silent from its last grant + lease on.
        const isMajoritySilent = (nowMs: number): boolean =>
          heard.filter((ms) => nowMs >= ms + LEASE_MS).length > count / 2;
        for (const [, ms] of events) {
          const nowMs = ms + LEASE_MS;
          if (nowMs < lease.validUntilMs) expect(isMajoritySilent(nowMs)).toBe(false);
        }
      }),
    );
  });
});
