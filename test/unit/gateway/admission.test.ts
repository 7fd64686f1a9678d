import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasErrorCode } from '../../../common/errors/mq-error.ts';
import { Admission, type Ticket } from '../../../gateway/admission.ts';

const LIMITS = {
  admissionRequests: 10,
  admissionBytes: 1_000,
  admissionRequestsPerClient: 4,
  admissionBytesPerClient: 300,
  maxWaitingReceives: 3,
};

function refused(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch (error) {
    return hasErrorCode(error, 'too-many-requests');
  }
}

describe('admission', () => {
  it('bounds the requests of one client without touching the others', () => {
    const admission = new Admission(LIMITS);
    for (let i = 0; i < 4; i += 1) admission.enter('a', 1);
    expect(refused(() => admission.enter('a', 1))).toBe(true);
    expect(refused(() => admission.enter('b', 1))).toBe(false);
  });

  it('lets a client have one request that is larger than its share', () => {
    const admission = new Admission(LIMITS);
    admission.enter('a', 900);
    expect(refused(() => admission.enter('a', 1))).toBe(true);
  });

  it('counts receives apart from requests in work', () => {
    const admission = new Admission(LIMITS);
    for (let i = 0; i < 3; i += 1) admission.enterReceive('a');
    expect(refused(() => admission.enterReceive('b'))).toBe(true);
    expect(refused(() => admission.enter('a', 1))).toBe(false);
  });

  it('stays within every bound, and is empty again when all work is done', () => {
    const work = fc.record({
      client: fc.constantFrom('a', 'b', 'c', 'd'),
      bytes: fc.nat(400),
      leaves: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(work, { maxLength: 60 }), (steps) => {
        const admission = new Admission(LIMITS);
        const open: Ticket[] = [];
        for (const { client, bytes, leaves } of steps) {
          if (leaves) open.pop()?.leave();
          else refused(() => open.push(admission.enter(client, bytes)));
          expect(admission.requests).toBeLessThanOrEqual(LIMITS.admissionRequests);
          expect(admission.bytes).toBeLessThanOrEqual(LIMITS.admissionBytes);
          expect(admission.requests).toBe(open.length);
        }
        for (const ticket of open) ticket.leave();
        expect([admission.requests, admission.bytes]).toEqual([0, 0]);
      }),
    );
  });
});
