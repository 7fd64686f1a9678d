/** A member of a group in a `FailoverModel`: its state, and what it promises. */
import type { GroupMember, GroupTerms, MemberStatus } from '../../common/model/broker-group.ts';
import { epoch } from '../../common/model/offsets.ts';

export const GROUP = 'broker-a';

export interface Entry {
  readonly epoch: number;
  readonly id: number;
}

export class ModelMember {
  readonly name: string;
  readonly member: GroupMember;
  run = 1;
  isAlive = true;
  accepted = 0;
  role: MemberStatus['role'] = 'follower';
  log: Entry[] = [];
  terms: GroupTerms | undefined;
  /** Waited for besides the set, from the moment that it was wished for until a newer version is told. */
  counted: readonly string[] = [];
  wanted: readonly string[] | undefined;
  acked = new Map<string, number>();
  masterName = '';
  isFollowing = false;
  version = 1;
  confirmed = 0;
  hasResigned = false;
  isUnfit = false;
  /** Its disk keeps no epoch: it can promise nothing. */
  isDiskFull = false;
  /** When the last heartbeat was sent that each NameServer granted. */
  granted = new Map<string, number>();

  constructor(name: string, index: number) {
    this.name = name;
    this.member = { name, address: { host: 'localhost', port: index + 1 } };
  }

  get runId(): string {
    return `${this.name}-run-${this.run}`;
  }

  get isMasterOfSomething(): boolean {
    return this.role === 'promoting' || this.role === 'master' || this.role === 'handing-over';
  }

  status(): MemberStatus {
    return {
      ...{ brokerName: GROUP, memberName: this.name, runId: this.runId, reason: '' },
      ...{ statusVersion: this.version, role: this.role, acceptedEpoch: epoch(this.accepted) },
      ...{ lastEpoch: epoch(this.log.at(-1)?.epoch ?? 0), logStartOffset: 0 },
      ...{ logEndOffset: this.log.length, durableOffset: this.log.length },
      ...{ confirmOffset: this.confirmed, isWritable: this.role === 'master' },
      ...{ masterName: this.masterName, isFollowing: this.isFollowing, followers: [] },
      syncStateSet: this.terms?.syncStateSet ?? [],
      setVersion: this.terms?.setVersion ?? 0,
      wantedSet: this.wanted,
      ...{ leaseLeftMs: 0, isUnfit: this.isUnfit },
    };
  }

  stepDown(): void {
    this.role = 'follower';
    this.terms = undefined;
    this.counted = [];
    this.wanted = undefined;
    this.masterName = '';
    this.isFollowing = false;
    this.version += 1;
  }

  /** Its log has failed: it is the master no more, and of this epoch never again. */
  resign(): void {
    if (!this.isMasterOfSomething) return;
    this.stepDown();
    this.hasResigned = true;
  }

  accept(given: number): boolean {
    if (given < this.accepted) return false;
    if (given > this.accepted && this.isDiskFull) return false;
    if (given > this.accepted) {
      this.accepted = given;
      this.hasResigned = false;
      this.stepDown();
    }
    return true;
  }
}
