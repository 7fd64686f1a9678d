import { beforeEach, describe, expect, it } from '@jest/globals';
import { ClusterLedger, type StoredMessage } from '../../support/cluster-ledger.ts';

/** The judge of the fault matrix must see what it is there for. */
describe('the ledger of a cluster', () => {
  let ledger: ClusterLedger;
  let stored: StoredMessage[];

  const ack = (sequence: number, offset: number, ackedAtMs = sequence): void => {
    const messageId = `m${sequence}`;
    ledger.sends.push({ messageId, topic: 't', lane: 'a', sequence, offset, ackedAtMs });
  };
  const findings = () => ledger.check(new Map([['t', stored]]));
  const store = (...sequences: number[]): void => {
    stored = sequences.map((sequence, offset) => {
      return { messageId: `m${sequence}`, offset, body: `a:${sequence}` };
    });
  };

  beforeEach(() => {
    ledger = new ClusterLedger();
    for (const sequence of [0, 1, 2]) ack(sequence, sequence);
    store(0, 1, 2);
    for (const { messageId } of stored) ledger.noteDelivery(messageId);
  });

  it('finds nothing where promises were kept', () => {
    expect(findings()).toEqual({ violations: [], lost: [], redelivered: [] });
  });

  it('finds what is lost', () => {
    store(0, 1);
    expect(findings().lost.map(({ messageId }) => messageId)).toEqual(['m2']);
  });

  it('finds what is elsewhere than its receipt says', () => {
    ack(3, 7);
    store(0, 1, 2, 3);
    expect(findings().violations[0]).toMatch(/the receipt of m3 says 7, it is at 3/);
  });

  it('finds what is stored twice, and what nobody sent', () => {
    store(0, 1, 2, 2, 9);
    expect(findings().violations.join()).toMatch(/m2 is stored twice.*"a:9" was never sent/);
  });

  it('lets be stored what was in doubt', () => {
    ledger.inDoubt.add('a:9');
    store(0, 1, 2, 9);
    expect(findings().violations).toEqual([]);
  });

  it('finds what changed places', () => {
    ledger.sends.length = 0;
    ack(0, 1);
    ack(1, 0);
    store(1, 0);
    expect(findings().violations[0]).toMatch(/a:0 stands behind :1/);
  });

  it('finds a consumption that was undone', () => {
    ledger.consumed.set('m1', 5);
    ledger.noteDelivery('m1');
    expect(findings().redelivered).toEqual([{ messageId: 'm1', ackedAtMs: 5 }]);
  });

  it('finds what was never delivered', () => {
    ledger.delivered.delete('m1');
    expect(findings().violations[0]).toMatch(/1 never delivered, the first at 1/);
  });

  it('finds a master that acknowledged when its successor had begun', () => {
    ack(3, 3, 1_000); // by the successor
    stored.push({ messageId: 'm3', offset: 3, body: 'a:3' });
    ledger.noteDelivery('m3');
    const late = { messageId: 'old', topic: 't', lane: 'b', sequence: 0, offset: 3 };
    ledger.sends.push({ ...late, ackedAtMs: 5_000 });
    expect(findings().violations[0]).toMatch(/two masters: offset 3 .* 4000 ms after/);
  });

  it('measures the longest silence from a moment on', () => {
    ledger.sends.length = 0;
    for (const at of [0, 100, 900, 1_000]) ack(at, at, at);
    expect([ledger.longestGapMs(50), ledger.longestGapMs(950)]).toEqual([800, 50]);
    expect(ledger.longestGapMs(2_000)).toBe(Number.POSITIVE_INFINITY);
  });
});
