import { MqError } from '../../common/errors/mq-error.ts';
import type { GroupMember, GroupTerms, MemberRole } from '../../common/model/broker-group.ts';
import type { MasterReplication } from '../ha/master-replication.ts';

export interface MemberTermPorts {
  readonly replication: MasterReplication;
  /** On the clock of `nowMs`. */
  leaseUntilMs(): number;
  readonly leaseMs: number;
  nowMs(): number;
}

/** One epoch in which this member is the master: what it may do, by the terms, its slaves and its lease. */
export class MemberTerm {
  readonly replication: MasterReplication;
  /** `promoting` until its first record is confirmed. */
  phase: Extract<MemberRole, 'promoting' | 'master' | 'handing-over'> = 'promoting';
  #terms: GroupTerms;
  readonly #ports: MemberTermPorts;

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
    const { members, uncleanElection } = this.#terms;
    if (members.length <= 1) return true;
    const isOnlyCandidate = this.replication.sync.isAlone && !uncleanElection;
    return isOnlyCandidate || this.leaseLeftMs() > 0;
  }

  /** Whether messages may be handed out. */
  mayDeliver(): boolean {
    return this.phase === 'master' && this.mayAnswer();
  }

  /** Whether what has effect here may be told: some proof, not older than the lease, that nobody else has been elected. */
  mayAnswer(): boolean {
    if (this.mayAckAlone()) return true;
    const followedMs = this.#ports.nowMs() - this.replication.sync.confirmedByAllSinceMs();
    return followedMs < this.#ports.leaseMs;
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
