import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type {
  GroupMember,
  GroupTerms,
  MemberStatus,
} from '../../../../common/model/broker-group.ts';
import { epoch } from '../../../../common/model/offsets.ts';
import * as codec from '../../../../common/wire/member-codec.ts';
import { MemberStatus as WireStatus, PromoteRequest } from '../../../../proto/generated/orbitmq.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const count = fc.nat(2 ** 31).map((value) => value * 1_000);
const anEpoch = fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(epoch);
const names = fc.uniqueArray(name, { maxLength: 5 });

const member: fc.Arbitrary<GroupMember> = fc.record({
  name,
  address: fc.record({
    host: fc.constantFrom('127.0.0.1', 'a.local'),
    port: fc.integer({ min: 1, max: 65_535 }),
  }),
});

const terms: fc.Arbitrary<GroupTerms> = fc.record({
  epoch: anEpoch,
  setVersion: fc.integer({ min: 1, max: 1_000 }),
  syncStateSet: fc.uniqueArray(name, { minLength: 1, maxLength: 5 }),
  members: fc.uniqueArray(member, { maxLength: 5, selector: (one) => one.name }),
  replication: fc.constantFrom('async' as const, 'sync' as const),
  minInSyncReplicas: fc.integer({ min: 1, max: 5 }),
  uncleanElection: fc.boolean(),
});

const status: fc.Arbitrary<MemberStatus> = fc
  .record({
    brokerName: name,
    memberName: name,
    runId: name,
    statusVersion: count,
    role: fc.constantFrom(
      ...(['recovering', 'follower', 'promoting', 'master', 'handing-over'] as const),
    ),
    acceptedEpoch: fc.nat(9).map(epoch),
    lastEpoch: fc.nat(9).map(epoch),
    logStartOffset: count,
    logEndOffset: count,
    durableOffset: count,
    confirmOffset: count,
    isWritable: fc.boolean(),
    reason: fc.string(),
    masterName: fc.constantFrom('', 'a'),
    isFollowing: fc.boolean(),
    syncStateSet: names,
    setVersion: count,
    wantedSet: fc.option(fc.uniqueArray(name, { minLength: 1, maxLength: 3 }), { nil: undefined }),
    followers: fc.array(
      fc.record({
        memberName: name,
        isConnected: fc.boolean(),
        ackedOffset: count,
        lagBytes: count,
        lagMs: count,
        isInSync: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
    leaseLeftMs: fc.integer(),
    isUnfit: fc.boolean(),
  })
  .map((one) => ({ ...one, logEndOffset: one.logStartOffset + one.logEndOffset }));

function roundTrip<Value>(
  encode: (value: Value) => Uint8Array,
  decode: (bytes: Uint8Array) => Value,
  values: fc.Arbitrary<Value>,
): void {
  fc.assert(
    fc.property(values, (value) => expect(decode(encode(value))).toEqual(value)),
    {
      numRuns: 50,
    },
  );
}

const anAnswer = fc.record({ isAccepted: fc.boolean(), status });

describe('codec of orbitmq.v1.Member', () => {
  it('gives back every status as it was', () => {
    roundTrip(codec.encodeMemberStatus, codec.decodeMemberStatus, status);
  });

  it('gives back every order as it was', () => {
    const group = { brokerName: name, epoch: anEpoch };
    roundTrip(
      codec.encodeStatusQuestion,
      codec.decodeStatusQuestion,
      fc.record({ knownVersion: count, waitMs: count }),
    );
    roundTrip(codec.encodeRevokeOrder, codec.decodeRevokeOrder, fc.record(group));
    roundTrip(
      codec.encodePromoteOrder,
      codec.decodePromoteOrder,
      fc.record({ brokerName: name, memberName: name, runId: name, terms }),
    );
    roundTrip(
      codec.encodeFollowOrder,
      codec.decodeFollowOrder,
      fc.record({ ...group, master: member }),
    );
    roundTrip(
      codec.encodeUpdateTermsOrder,
      codec.decodeUpdateTermsOrder,
      fc.record({ brokerName: name, terms }),
    );
    roundTrip(
      codec.encodeHandOverOrder,
      codec.decodeHandOverOrder,
      fc.record({ ...group, targetMember: name, timeoutMs: count }),
    );
    roundTrip(codec.encodeResumeOrder, codec.decodeResumeOrder, fc.record(group));
  });

  it('gives back every answer as it was', () => {
    roundTrip(codec.encodeRevokeAnswer, codec.decodeRevokeAnswer, anAnswer);
    roundTrip(codec.encodeFollowAnswer, codec.decodeFollowAnswer, anAnswer);
    roundTrip(codec.encodeUpdateTermsAnswer, codec.decodeUpdateTermsAnswer, anAnswer);
    roundTrip(
      codec.encodePromoteAnswer,
      codec.decodePromoteAnswer,
      fc.record({ isAccepted: fc.boolean(), reason: fc.string(), status }),
    );
    roundTrip(
      codec.encodeHandOverAnswer,
      codec.decodeHandOverAnswer,
      fc.record({ isReady: fc.boolean(), reason: fc.string(), status }),
    );
    roundTrip(codec.encodeResumeAnswer, codec.decodeResumeAnswer, fc.boolean());
  });

  it('rounds a lease down, and takes one without end', () => {
    const [one] = fc.sample(status, 1);
    if (one === undefined) throw new Error('no sample');
    const leaseOf = (leaseLeftMs: number): number =>
      codec.decodeMemberStatus(codec.encodeMemberStatus({ ...one, leaseLeftMs })).leaseLeftMs;
    expect(leaseOf(12.9)).toBe(12);
    expect(leaseOf(-0.5)).toBe(-1);
    expect(leaseOf(Infinity)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    ['no run id', { brokerName: 'a', memberName: 'a-0', role: 2 }, 'run_id is missing'],
    ['no role', { brokerName: 'a', memberName: 'a-0', runId: 'r' }, 'role is 0'],
    ['a role of the future', { brokerName: 'a', memberName: 'a-0', runId: 'r', role: 9 }, 'role'],
    [
      'a negative offset',
      { brokerName: 'a', memberName: 'a-0', runId: 'r', role: 2, confirmOffset: -4 },
      'confirm_offset is -4',
    ],
    [
      'a log that ends before it starts',
      { brokerName: 'a', memberName: 'a-0', runId: 'r', role: 2, logStartOffset: 9 },
      'the log ends at 0',
    ],
    [
      'a set that names one twice',
      { brokerName: 'a', memberName: 'a-0', runId: 'r', role: 2, syncStateSet: ['x', 'x'] },
      'sync_state_set names one twice',
    ],
  ])('refuses a status with %s', (_, wire, reason) => {
    const bytes = WireStatus.encode(wire).finish();
    expect(() => codec.decodeMemberStatus(bytes)).toThrow(reason);
  });

  it.each([
    ['no terms', undefined, 'terms is missing'],
    [
      'epoch 0',
      { epoch: 0, setVersion: 1, syncStateSet: ['a'], replication: 1 },
      'terms.epoch is 0',
    ],
    [
      'an empty set',
      { epoch: 1, setVersion: 1, syncStateSet: [], replication: 1, minInSyncReplicas: 1 },
      'terms.sync_state_set is empty',
    ],
    [
      'an address without port',
      { members: [{ name: 'a', address: { host: 'h' } }], epoch: 1 },
      'address.port is 0',
    ],
  ])('refuses a promotion with %s', (_, wire, reason) => {
    const order = { brokerName: 'a', memberName: 'a-0', runId: 'r', ...(wire && { terms: wire }) };
    const bytes = PromoteRequest.encode(order).finish();
    expect(() => codec.decodePromoteOrder(bytes)).toThrow(reason);
  });

  it('refuses bytes that are no message at all with the code of a malformed request', () => {
    const garbage = Buffer.from([0x0a, 0xff, 0xff, 0xff]);
    expect(() => codec.decodeRevokeOrder(garbage)).toThrow(
      expect.objectContaining({ code: 'request-malformed' }),
    );
  });
});
