import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SyncState } from '../../../../../broker/ha/core/sync-state.ts';
import type { GroupTerms } from '../../../../../common/model/broker-group.ts';
import { epoch } from '../../../../../common/model/offsets.ts';

const TIMEOUT_MS = 3_000;

export const termsOf = (changes: Partial<GroupTerms> = {}): GroupTerms => ({
  epoch: epoch(3),
  setVersion: 1,
  syncStateSet: ['a', 'b'],
  members: ['a', 'b', 'c'].map((name) => ({ name, address: { host: name, port: 1 } })),
  replication: 'sync',
  minInSyncReplicas: 1,
  uncleanElection: false,
  ...changes,
});

const stateOf = (changes: Partial<GroupTerms> = {}): SyncState =>
  new SyncState(termsOf(changes), 'a', 0, { inSyncTimeoutMs: TIMEOUT_MS });

/** `member` follows from now on and has acked `offset`. */
function follows(
  state: SyncState,
  member: string,
  offset: number,
  ownEnd: number,
  nowMs: number,
): void {
  state.connected(member, nowMs);
  state.acked(member, offset, nowMs - 1, ownEnd, nowMs);
}

describe('the confirm offset', () => {
  it('waits for every member of the set with sync replication', () => {
    const state = stateOf({ syncStateSet: ['a', 'b', 'c'] });
    expect(state.confirmOffset(100, true)).toBe(0);
    follows(state, 'b', 80, 100, 1);
    expect(state.confirmOffset(100, true)).toBe(0);
    follows(state, 'c', 60, 100, 1);
    expect(state.confirmOffset(100, true)).toBe(60);
    expect(state.confirmOffset(50, true)).toBe(60);
  });

  it('is the own end with async replication and a lease, and waits for the set without one', () => {
    const state = stateOf({ replication: 'async' });
    follows(state, 'b', 10, 100, 1);
    expect(state.confirmOffset(100, true)).toBe(100);
    expect(state.confirmOffset(200, false)).toBe(100);
    state.acked('b', 150, 2, 200, 3);
    expect(state.confirmOffset(200, false)).toBe(150);
  });

  it('stays when nobody else is in the set and the master may not acknowledge alone', () => {
    const state = stateOf({ syncStateSet: ['a'] });
    expect(state.isAlone).toBe(true);
    expect(state.confirmOffset(100, true)).toBe(100);
    expect(state.confirmOffset(200, false)).toBe(100);
  });

  it('goes no further than what was taken over while the set is too small', () => {
    const state = stateOf({ syncStateSet: ['a'], minInSyncReplicas: 2 });
    expect(state.isQuorate()).toBe(false);
    state.takenOver(40);
    expect(state.confirmOffset(100, true)).toBe(40);
    state.applyTerms(termsOf({ setVersion: 2, minInSyncReplicas: 2 }), 5);
    follows(state, 'b', 70, 100, 6);
    expect(state.isQuorate()).toBe(true);
    expect(state.confirmOffset(100, true)).toBe(70);
  });

  it('does not count what was acked on an earlier stream', () => {
    const state = stateOf();
    follows(state, 'b', 50, 50, 1);
    expect(state.confirmOffset(60, true)).toBe(50);
    state.disconnected('b', 2);
    state.connected('b', 3);
    expect(state.ackedOffset('b')).toBe(0);
    state.acked('b', 20, 3, 60, 4);
    expect(state.confirmOffset(60, true)).toBe(50);
  });
});

describe('growth of the set', () => {
  it('is asked for when the slave has what is confirmed, and counts at once', () => {
    const state = stateOf({ syncStateSet: ['a'] });
    expect(state.confirmOffset(100, true)).toBe(100);
    follows(state, 'b', 100, 100, 10);
    expect(state.wantedSet(10, 100)).toEqual(['a', 'b']);
    expect(state.isAlone).toBe(false);
    expect(state.confirmOffset(150, true)).toBe(100);
    state.acked('b', 120, 11, 150, 12);
    expect(state.confirmOffset(150, true)).toBe(120);
  });

  it('lets a slave that is always a little behind catch up wholly', () => {
    const state = stateOf({ syncStateSet: ['a'] });
    state.connected('b', 0);
    let end = 0;
    for (let nowMs = 10; nowMs < 100; nowMs += 10) {
      end += 100;
      state.acked('b', end - 50, nowMs - 5, end, nowMs);
      state.wantedSet(nowMs, state.confirmOffset(end, true));
    }
    expect(state.wantedSet(100, state.confirmOffset(end, true))).toEqual(['a', 'b']);
  });

  it('is not asked for a slave that was caught up on an earlier stream only', () => {
    const state = stateOf({ syncStateSet: ['a'] });
    follows(state, 'b', 100, 100, 10);
    state.disconnected('b', 11);
    expect(state.wantedSet(11, 0)).toBeUndefined();
    state.connected('b', 12);
    expect(state.wantedSet(12, 0)).toBeUndefined();
  });

  it('counts until terms of a later version come, even if the slave is lost and no longer asked for', () => {
    const state = stateOf({ syncStateSet: ['a'] });
    follows(state, 'b', 0, 0, 10);
    expect(state.wantedSet(10, 0)).toEqual(['a', 'b']);
    state.disconnected('b', 20);
    expect(state.wantedSet(60_000, 0)).toEqual(['a']);
    expect(state.confirmOffset(100, true)).toBe(0);
    state.applyTerms(termsOf({ syncStateSet: ['a'], setVersion: 1 }), 60_001);
    expect(state.confirmOffset(100, true)).toBe(0);
    state.applyTerms(termsOf({ syncStateSet: ['a', 'b'], setVersion: 2 }), 60_002);
    expect(state.wantedSet(60_003, 0)).toEqual(['a']);
    expect(state.confirmOffset(100, true)).toBe(0);
    state.applyTerms(termsOf({ syncStateSet: ['a'], setVersion: 3 }), 60_004);
    expect(state.wantedSet(60_005, 0)).toBeUndefined();
    expect(state.confirmOffset(100, true)).toBe(100);
  });
});

describe('shrinking of the set', () => {
  it('is asked for after the timeout, and takes effect only with the terms', () => {
    const state = stateOf();
    follows(state, 'b', 100, 100, 10);
    expect(state.confirmOffset(100, true)).toBe(100);
    state.disconnected('b', 20);
    expect(state.wantedSet(10 + TIMEOUT_MS, 100)).toBeUndefined();
    expect(state.wantedSet(11 + TIMEOUT_MS, 100)).toEqual(['a']);
    expect(state.confirmOffset(200, true)).toBe(100);
    state.applyTerms(termsOf({ syncStateSet: ['a'], setVersion: 2 }), 4_000);
    expect(state.confirmOffset(200, true)).toBe(200);
  });

  it('is not asked for a slave that keeps up with a constant load', () => {
    const state = stateOf();
    state.connected('b', 0);
    for (let nowMs = 100; nowMs < 20_000; nowMs += 100) {
      const end = nowMs * 10;
      state.acked('b', end - 2_000, nowMs - 200, end, nowMs);
      expect(state.wantedSet(nowMs, 0)).toBeUndefined();
    }
    const [b] = state.followers(20_000, 200_000);
    expect(b?.lagMs).toBeLessThan(1_000);
  });

  it('is asked for a slave that hangs although nothing is appended, and for one that falls behind', () => {
    const hung = stateOf();
    follows(hung, 'b', 100, 100, 0);
    expect(hung.wantedSet(TIMEOUT_MS + 1, 100)).toEqual(['a']);
    const slow = stateOf();
    slow.connected('b', 0);
    for (let nowMs = 0; nowMs <= 4_000; nowMs += 100)
      slow.acked('b', nowMs / 100, nowMs, 1_000 + nowMs * 10, nowMs);
    expect(slow.wantedSet(4_000, 0)).toEqual(['a']);
  });
});

describe('what a master knows of its slaves', () => {
  it('tells until when all of the set certainly followed it', () => {
    const state = stateOf({ syncStateSet: ['a', 'b', 'c'] });
    expect(state.confirmedByAllSinceMs()).toBe(-Infinity);
    state.connected('b', 0);
    state.acked('b', 1, 500, 1, 510);
    expect(state.confirmedByAllSinceMs()).toBe(-Infinity);
    state.connected('c', 0);
    state.acked('c', 1, 300, 1, 310);
    expect(state.confirmedByAllSinceMs()).toBe(300);
    expect(stateOf({ syncStateSet: ['a'] }).confirmedByAllSinceMs()).toBe(-Infinity);
  });

  it('counts whom it has asked for: the controller may have stored and elected it', () => {
    const state = stateOf({ syncStateSet: ['a', 'b'] });
    follows(state, 'b', 100, 100, 900);
    follows(state, 'c', 100, 100, 500);
    expect(state.confirmedByAllSinceMs()).toBe(899);
    expect(state.wantedSet(600, 100)).toEqual(['a', 'b', 'c']);
    expect(state.confirmedByAllSinceMs()).toBe(499);
  });

  it('lists every other member with its lag', () => {
    const state = stateOf();
    follows(state, 'b', 90, 100, 50);
    expect(state.followers(1_000, 100)).toEqual([
      {
        memberName: 'b',
        isConnected: true,
        ackedOffset: 90,
        lagBytes: 10,
        lagMs: 1_000,
        isInSync: true,
      },
      {
        memberName: 'c',
        isConnected: false,
        ackedOffset: 0,
        lagBytes: 100,
        lagMs: 1_000,
        isInSync: false,
      },
    ]);
  });
});

type Event =
  | { readonly kind: 'append' | 'ask'; readonly bytes: number }
  | { readonly kind: 'ack'; readonly member: string; readonly bytes: number }
  | { readonly kind: 'reconnect' | 'disconnect'; readonly member: string }
  | { readonly kind: 'store' | 'tell' | 'pass'; readonly ms: number };

const member = fc.constantFrom('b', 'c');
const small = fc.nat(50);
const events = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('append' as const, 'ask' as const), bytes: small }),
    fc.record({ kind: fc.constant('ack' as const), member, bytes: small }),
    fc.record({ kind: fc.constantFrom('reconnect' as const, 'disconnect' as const), member }),
    fc.record({
      kind: fc.constantFrom('store' as const, 'tell' as const, 'pass' as const),
      ms: fc.nat(2_000),
    }),
  ),
  { maxLength: 120 },
);

describe('whatever happens', () => {
  it('each member of the stored set has everything that was confirmed, also while the master does not know what is stored', () => {
    fc.assert(
      fc.property(events, (story: readonly Event[]) => {
        const state = stateOf({ syncStateSet: ['a'] });
        let stored = termsOf({ syncStateSet: ['a'] });
        const durable = new Map([
          ['b', 0],
          ['c', 0],
        ]);
        const connected = new Set<string>();
        let [end, confirmed, nowMs] = [0, 0, 0];
        /** What the master has asked for, with the version it knew then. */
        const wishes: { readonly set: readonly string[]; readonly version: number }[] = [];
        for (const event of story) {
          nowMs += 1;
          if (event.kind === 'append') end += event.bytes;
          if (event.kind === 'pass') nowMs += event.ms;
          if (event.kind === 'reconnect') {
            state.connected(event.member, nowMs);
            connected.add(event.member);
          }
          if (event.kind === 'disconnect') {
            state.disconnected(event.member, nowMs);
            connected.delete(event.member);
          }
          if (event.kind === 'ack' && connected.has(event.member)) {
            const acked = Math.min(end, (durable.get(event.member) ?? 0) + event.bytes);
            durable.set(event.member, acked);
            state.acked(event.member, acked, nowMs - 1, end, nowMs);
          }
          if (event.kind === 'ask') {
            const set = state.wantedSet(nowMs, state.confirmOffset(end, true));
            if (set !== undefined) wishes.push({ set, version: state.terms.setVersion });
          }
          // The controller stores any wish, however old, that was made under the version that it finds stored.
          if (event.kind === 'store') {
            const { setVersion } = stored;
            const current = wishes.filter(({ version }) => version === setVersion);
            const wish = current[event.ms % Math.max(1, current.length)];
            if (wish !== undefined)
              stored = { ...stored, syncStateSet: wish.set, setVersion: setVersion + 1 };
          }
          if (event.kind === 'tell') state.applyTerms(stored, nowMs);
          const confirm = state.confirmOffset(end, true);
          expect(confirm).toBeGreaterThanOrEqual(confirmed);
          confirmed = confirm;
          for (const name of stored.syncStateSet)
            if (name !== 'a') expect(durable.get(name)).toBeGreaterThanOrEqual(confirmed);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
