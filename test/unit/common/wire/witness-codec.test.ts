import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasErrorCode } from '../../../../common/errors/mq-error.ts';
import {
  decodeHeardMembers,
  decodeListMembers,
  decodeRevocation,
  decodeRevokeEpoch,
  encodeHeardMembers,
  encodeListMembers,
  encodeRevocation,
  encodeRevokeEpoch,
} from '../../../../common/wire/witness-codec.ts';
import { RevokeEpochRequest } from '../../../../proto/generated/orbitmq.ts';

const count = fc.nat(Number.MAX_SAFE_INTEGER);
const name = fc.string({ minLength: 1, unit: 'grapheme' });

const member = fc.record({
  brokerName: name,
  memberName: fc.string(),
  runId: name,
  epoch: count,
  isSlave: fc.boolean(),
  memberAddress: fc.record({ host: name, port: fc.integer({ min: 1, max: 65_535 }) }),
  silentMs: count,
  isConnected: fc.boolean(),
  isGone: fc.boolean(),
  logEndOffset: count,
  confirmOffset: count,
});

describe('what a NameServer has heard', () => {
  it('comes out as it went in', () => {
    const heard = fc.record({
      nameServerRunId: name,
      upMs: count,
      heartbeatExpiryMs: count,
      members: fc.array(member, { maxLength: 5 }),
    });
    fc.assert(
      fc.property(heard, fc.array(name), (sent, names) => {
        expect(decodeHeardMembers(encodeHeardMembers(sent))).toEqual(sent);
        expect(decodeListMembers(encodeListMembers(names))).toEqual(names);
      }),
    );
  });
});

describe('the revocation of an epoch', () => {
  it('comes out as it went in, and tells "never heard" from "heard this very moment"', () => {
    const revocation = fc.record({
      isAccepted: fc.boolean(),
      epoch: count,
      nameServerRunId: name,
      upMs: count,
      silentMs: fc.option(count, { nil: undefined }),
    });
    fc.assert(
      fc.property(revocation, name, count, (sent, brokerName, epoch) => {
        expect(decodeRevocation(encodeRevocation(sent))).toEqual(sent);
        expect(decodeRevokeEpoch(encodeRevokeEpoch(brokerName, epoch))).toEqual({
          brokerName,
          epoch,
        });
      }),
    );
  });

  it('is refused without a name and with an epoch that is none', () => {
    for (const wrong of [{ epoch: 1 }, { brokerName: 'a', epoch: -1 }]) {
      let thrown: unknown;
      try {
        decodeRevokeEpoch(RevokeEpochRequest.encode(wrong).finish());
      } catch (error) {
        thrown = error;
      }
      expect(hasErrorCode(thrown, 'request-malformed')).toBe(true);
    }
  });
});
