import { assert } from '../../../common/assert.ts';
import type { FollowerStatus, GroupTerms } from '../../../common/model/broker-group.ts';
import { Follower } from './follower.ts';

export interface SyncStateOptions {
  /** A member of the set that has not caught up for so long is to leave it. */
  readonly inSyncTimeoutMs: number;
}

/** A slave this much nearer than the timeout is let in: confirmation waits for it from then on, for about that long. */
const JOIN_LAG_PART = 1 / 4;

/**
 * What a master knows of its slaves in one epoch, and what follows from it: how far the log is confirmed, and which set it
 * asks the controller to store.
 *
 * The rule that keeps what is confirmed safe: confirmation waits for every member that may be in the stored set. A slave
 * counts from the moment the master asks for it, before it is stored; it stops counting only when the controller has told
 * terms without it. So whatever the store holds at any moment, each member named there has everything confirmed.
 */
export class SyncState {
  #terms: GroupTerms;
  readonly #self: string;
  readonly #options: SyncStateOptions;
  readonly #followers = new Map<string, Follower>();
  /** Asked for under the present version of the set, and not in it: the controller may have stored them already. */
  #asked = new Set<string>();
  /** Not asked for yet: as good as caught up, and confirmation waits for them so that they can catch up wholly. */
  #joining = new Set<string>();
  #confirmOffset = 0;
  #takenOverEnd = 0;

  constructor(terms: GroupTerms, self: string, nowMs: number, options: SyncStateOptions) {
    assert(terms.syncStateSet.includes(self), 'a master is in its own set');
    this.#terms = terms;
    this.#self = self;
    this.#options = options;
    for (const { name } of terms.members)
      if (name !== self) this.#followers.set(name, new Follower(name, nowMs));
    for (const name of terms.syncStateSet) if (name !== self) this.#follower(name, nowMs);
  }

  get terms(): GroupTerms {
    return this.#terms;
  }

  /** Later terms of the same epoch; older ones are no news. */
  applyTerms(terms: GroupTerms, nowMs: number): void {
    assert(terms.epoch === this.#terms.epoch, 'another epoch is another sync state');
    assert(terms.syncStateSet.includes(this.#self), 'a master is in its own set');
    if (terms.setVersion < this.#terms.setVersion) return;
    // Nothing that was asked for under an older version can be stored any more.
    if (terms.setVersion > this.#terms.setVersion) this.#asked = new Set();
    this.#terms = terms;
    for (const { name } of terms.members) if (name !== this.#self) this.#follower(name, nowMs);
  }

  /** Up to here confirmation needs no quorum: the log that was taken over, and the record that begins the epoch. */
  takenOver(endOffset: number): void {
    this.#takenOverEnd = Math.max(this.#takenOverEnd, endOffset);
  }

  connected(member: string, nowMs: number): void {
    this.#follower(member, nowMs).connected();
  }

  disconnected(member: string, nowMs: number): void {
    this.#follower(member, nowMs).isConnected = false;
    this.#joining.delete(member);
  }

  /** `batchSentAtMs`: when the last batch that the slave had was sent; it certainly was a follower of this epoch then. */
  acked(
    member: string,
    offset: number,
    batchSentAtMs: number,
    ownEnd: number,
    nowMs: number,
  ): void {
    this.#follower(member, nowMs).acked(offset, batchSentAtMs, ownEnd, nowMs);
  }

  ackedOffset(member: string): number {
    return this.#followers.get(member)?.ackedOffset ?? 0;
  }

  /** Whether no other member can be in the stored set. */
  get isAlone(): boolean {
    return this.#terms.syncStateSet.length === 1 && this.#asked.size === 0;
  }

  /** Whether enough members are in the set for writes to be taken. */
  isQuorate(): boolean {
    const { replication, syncStateSet, minInSyncReplicas } = this.#terms;
    return replication === 'async' || syncStateSet.length >= minInSyncReplicas;
  }

  /**
   * How far the log is confirmed; never goes back. `ownEnd` is how far the master's own log is as durable as it promises.
   *
   * | mode  | others in the set | may ack alone | confirmed up to                                        |
   * |-------|-------------------|---------------|--------------------------------------------------------|
   * | sync  | some              | either        | the least of own end and all acks                      |
   * | async | some              | yes           | own end                                                |
   * | async | some              | no            | the least of own end and all acks                      |
   * | any   | none              | yes           | own end                                                |
   * | any   | none              | no            | stays                                                  |
   * | sync  | set too small     | either        | as above, but not beyond what was taken over           |
   */
  confirmOffset(ownEnd: number, mayAckAlone: boolean): number {
    const reached = this.#reached(ownEnd, mayAckAlone);
    const allowed = this.isQuorate() ? reached : Math.min(reached, this.#takenOverEnd);
    this.#confirmOffset = Math.max(this.#confirmOffset, allowed);
    return this.#confirmOffset;
  }

  #reached(ownEnd: number, mayAckAlone: boolean): number {
    if (this.#terms.replication === 'async' && mayAckAlone) return ownEnd;
    let least = ownEnd;
    let hasOthers = false;
    for (const name of this.#terms.syncStateSet) {
      if (name === this.#self) continue;
      hasOthers = true;
      least = Math.min(least, this.ackedOffset(name));
    }
    for (const names of [this.#asked, this.#joining]) {
      for (const name of names) {
        hasOthers = true;
        least = Math.min(least, this.ackedOffset(name));
      }
    }
    if (hasOthers) return least;
    return mayAckAlone ? ownEnd : this.#confirmOffset;
  }

  /**
   * The set that the controller should store, undefined while nothing is to change. Asking has an effect: who is asked for
   * counts from now on, until terms of a later version come. A wish that is given up asks for the stored set once more, under
   * a later version.
   */
  wantedSet(nowMs: number, confirmOffset: number): readonly string[] | undefined {
    for (const follower of this.#followers.values())
      this.#considerGrowth(follower, nowMs, confirmOffset);
    const stored = this.#terms.syncStateSet;
    const kept = stored.filter((name) => name === this.#self || this.#isInTime(name, nowMs));
    if (kept.length === stored.length && this.#asked.size === 0) return undefined;
    // Who was lost meanwhile is not asked for any more; what was said stands until a later version makes it void.
    const grown = [...this.#asked].filter((name) => this.#followers.get(name)?.isConnected);
    return [...kept, ...grown];
  }

  #considerGrowth(follower: Follower, nowMs: number, confirmOffset: number): void {
    const { name } = follower;
    if (this.#terms.syncStateSet.includes(name) || this.#asked.has(name)) {
      this.#joining.delete(name);
      return;
    }
    const joinLagMs = this.#options.inSyncTimeoutMs * JOIN_LAG_PART;
    const isNear = follower.isConnected && nowMs - follower.caughtUpMs <= joinLagMs;
    if (!isNear || !follower.hasCaughtUp) {
      this.#joining.delete(name);
      return;
    }
    const isAsync = this.#terms.replication === 'async';
    const confirmed = Math.max(confirmOffset, this.#confirmOffset);
    if (isAsync || follower.ackedOffset >= confirmed) {
      this.#joining.delete(name);
      this.#asked.add(name);
      return;
    }
    // Under constant load a slave is always a little behind: confirmation waits for it, and not for long.
    this.#joining.add(name);
  }

  #isInTime(name: string, nowMs: number): boolean {
    const follower = this.#followers.get(name);
    return follower !== undefined && nowMs - follower.caughtUpMs <= this.#options.inSyncTimeoutMs;
  }

  /**
   * Until when every other member that may be in the stored set certainly followed this master: the oldest send time of what
   * they acked last. -Infinity when there is none, or one has not acked in this epoch.
   */
  confirmedByAllSinceMs(): number {
    const others = new Set([...this.#terms.syncStateSet, ...this.#asked]);
    others.delete(this.#self);
    if (others.size === 0) return -Infinity;
    const sinceMs = (name: string): number => this.#followers.get(name)?.batchSentAtMs ?? -Infinity;
    return Math.min(...[...others].map(sinceMs));
  }

  followers(nowMs: number, ownEnd: number): FollowerStatus[] {
    return [...this.#followers.values()].map((follower) => ({
      memberName: follower.name,
      isConnected: follower.isConnected,
      ackedOffset: follower.ackedOffset,
      lagBytes: Math.max(0, ownEnd - follower.ackedOffset),
      lagMs: follower.lagMs(nowMs, ownEnd),
      isInSync: this.#terms.syncStateSet.includes(follower.name),
    }));
  }

  #follower(name: string, nowMs: number): Follower {
    const known = this.#followers.get(name);
    if (known !== undefined) return known;
    assert(name !== this.#self, 'a master does not follow itself');
    const follower = new Follower(name, nowMs);
    this.#followers.set(name, follower);
    return follower;
  }
}
