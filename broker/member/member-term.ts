import { MqError } from '../../common/errors/mq-error.ts';
import type { GroupMember, GroupTerms, MemberRole } from '../../common/model/broker-group.ts';
import type { MasterReplication } from '../ha/master-replication.ts';

export interface MemberTermPorts {
  readonly replication: MasterReplication;
  /** On the clock of `nowMs`. */
  leaseUntilMs(): number;
  /** How often slaves answer at least. */
  readonly beatMs: number;
  /** When this member last answered another master, on the clock of `nowMs`. */
  readonly followedUntilMs: number;
  nowMs(): number;
  /** Messages may be handed out, which could not be for a while. */
  onDelivering(): void;
}

/**
 * A master hands out messages for so many beats after the last one that its whole set has answered; a successor, which is of that
 * set and answers no more, waits for longer, since clocks differ. So nobody is given again what the successor let be acknowledged.
 */
const PROVEN_BEATS = 2.5;
const SUCCESSOR_BEATS = 3;

/** One epoch in which this member is the master: what it may do, by the terms, its slaves and its lease. */
export class MemberTerm {
  readonly replication: MasterReplication;
  /** `promoting` until its first record is confirmed. */
  phase: Extract<MemberRole, 'promoting' | 'master' | 'handing-over'> = 'promoting';
  #terms: GroupTerms;
  readonly #ports: MemberTermPorts;
  #couldDeliver = false;

  constructor(terms: GroupTerms, ports: MemberTermPorts) {
    this.#terms = terms;
    this.#ports = ports;
    this.replication = ports.replication;
  }

  get terms(): GroupTerms {
    return this.#terms;
  }

  /** False for what is older than what is known. */
  update(terms: GroupTerms): boolean {
    if (terms.epoch !== this.#terms.epoch || terms.setVersion < this.#terms.setVersion)
      return false;
    this.#terms = terms;
    this.replication.updateTerms(terms);
    return true;
  }

  inSyncSlaves(self: string): readonly GroupMember[] {
    const { members, syncStateSet } = this.#terms;
    return members.filter(({ name }) => name !== self && syncStateSet.includes(name));
  }

  /** Left of the write lease; negative when it is over. */
  leaseLeftMs(): number {
    return this.#ports.leaseUntilMs() - this.#ports.nowMs();
  }

  /**
   * Whether this member's own disk is enough for an acknowledgement where the terms ask for no slave: a lease says that nobody
   * else can have been elected, and so does a set of one from outside of which nobody is elected.
   */
  mayAckAlone(): boolean {
    return this.#isOnlyCandidate() || this.leaseLeftMs() > 0;
  }

  #isOnlyCandidate(): boolean {
    const { members, uncleanElection } = this.#terms;
    return members.length <= 1 || (this.replication.sync.isAlone && !uncleanElection);
  }

  /** Whether messages may be handed out. */
  mayDeliver(): boolean {
    const { beatMs, followedUntilMs } = this.#ports;
    const hasWaited = this.#ports.nowMs() - followedUntilMs >= SUCCESSOR_BEATS * beatMs;
    return this.phase === 'master' && hasWaited && this.mayAnswer();
  }

  /** Whether what has effect here may be told: some proof that nobody else has been elected. */
  mayAnswer(): boolean {
    if (this.#isOnlyCandidate()) return true;
    const { sync } = this.replication;
    // Only where it allows acknowledgements without slaves do elections wait for the end of the lease.
    const isByLease = this.#terms.replication === 'async' || sync.isAlone;
    if (isByLease && this.leaseLeftMs() > 0) return true;
    const provenMs = PROVEN_BEATS * this.#ports.beatMs;
    return this.#ports.nowMs() - sync.confirmedByAllSinceMs() < provenMs;
  }

  /** To be called often: the passing of time is told by nobody. */
  look(): void {
    const mayDeliver = this.mayDeliver();
    if (mayDeliver && !this.#couldDeliver) this.#ports.onDelivering();
    this.#couldDeliver = mayDeliver;
  }

  refusal(): MqError | undefined {
    if (this.phase === 'promoting')
      return new MqError('no-master', { reason: 'it is being promoted' });
    if (this.phase === 'handing-over')
      return new MqError('no-master', { reason: 'it is handing over' });
    if (this.replication.sync.isQuorate()) return undefined;
    return new MqError('in-sync-replicas-too-few', {
      inSync: this.#terms.syncStateSet.length,
      required: this.#terms.minInSyncReplicas,
    });
  }

  /** The set that the controller should store, if it is another one. */
  wantedSet(): readonly string[] | undefined {
    const { replication } = this;
    return replication.sync.wantedSet(this.#ports.nowMs(), replication.confirmOffset());
  }
}
