import type { BrokerHello } from '../../../common/model/broker-report.ts';
import { ConfigurationCopy } from './configuration-copy.ts';
import { GroupMember } from './group-member.ts';

/** Why a group is not in the routes. `unknown`: no master has told its configuration yet. */
export type Absence = 'unknown' | 'silent' | 'gone';

/**
 * A broker group: its members, the epoch, and what its masters have told. The configuration outlives a master: it goes on
 * being answered until the next one has told all of its own.
 */
export class BrokerGroup {
  readonly name: string;
  readonly configuration = new ConfigurationCopy();
  /** By name; a group of one has a single member with the name ''. */
  readonly members = new Map<string, GroupMember>();
  /** Undefined while the group is in the routes. */
  absence: Absence | undefined = 'unknown';
  /** Highest epoch that a member or a revocation has named. */
  #epoch = 0;
  /** Highest epoch that the controller has told; 0: none yet. */
  #toldEpoch = 0;
  /** The master of the present epoch, once it has said so; it need not be up. */
  #master: GroupMember | undefined;
  /** The last one that was a master, for what is shown of the group. */
  #lastMaster: GroupMember | undefined;
  /** Whose versions the configuration counts. */
  #told = '';
  /** When a report of a master was taken last: of the present epoch, and of any lower one. */
  #presentHeardMs = -Infinity;
  #lowerHeardMs = -Infinity;

  constructor(name: string) {
    this.name = name;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get isUp(): boolean {
    return this.absence === undefined;
  }

  /** Whom requests are forwarded to: the master of the present epoch, while it is up. */
  get master(): GroupMember | undefined {
    return this.#master?.isUp === true ? this.#master : undefined;
  }

  /** The master of the present epoch, whether or not it is up. */
  get chosenMaster(): GroupMember | undefined {
    return this.#master;
  }

  /** Whom a description of the group speaks of: its master, or the last one, or any member. */
  get face(): GroupMember | undefined {
    return this.#master ?? this.#lastMaster ?? this.members.values().next().value;
  }

  /** Whether another member may become the master: one without name is a group of its own. */
  get isReplicated(): boolean {
    return !this.members.has('') || this.members.size > 1;
  }

  /** The stable address of the group, whichever member is the master. */
  get advertised(): BrokerHello['advertised'] | undefined {
    return this.face?.hello.advertised;
  }

  get isAnyMemberUp(): boolean {
    return [...this.members.values()].some(({ isUp }) => isUp);
  }

  /** A master whose epoch is over: nothing of it is taken any more, and no routes lead to it. */
  isDeposed(member: GroupMember): boolean {
    return !member.isSlave && member.epoch < this.#epoch;
  }

  /**
   * Whether a report of this member renews its lease. `isWarm`: this NameServer has run for an expiry. Before, it may have
   * forgotten a higher epoch that was revoked here, unless the controller has told it which one is the present.
   */
  isGranted(member: GroupMember, isWarm: boolean): boolean {
    if (member.isSlave || member.epoch < this.#epoch) return false;
    return isWarm || (this.#toldEpoch > 0 && member.epoch >= this.#toldEpoch);
  }

  /** The member says who it is; what it says has been checked. Returns whether the group has a new master by it. */
  adopt(hello: BrokerHello, stream: number): { member: GroupMember; isNewMaster: boolean } {
    this.raise(hello.epoch);
    const member = this.members.get(hello.memberName) ?? new GroupMember(hello);
    this.members.set(hello.memberName, member);
    member.adopt(hello, stream);
    const isNewMaster = this.#adoptRole(member);
    return { member, isNewMaster };
  }

  /** A higher epoch deposes the master. Returns whether there was one. */
  raise(epoch: number): boolean {
    if (epoch <= this.#epoch) return false;
    const hadMaster = this.#master !== undefined;
    this.#epoch = epoch;
    this.#master = undefined;
    this.#lowerHeardMs = Math.max(this.#lowerHeardMs, this.#presentHeardMs);
    this.#presentHeardMs = -Infinity;
    return hadMaster;
  }

  /** By the controller: lower epochs are over, and this one is the present. */
  tell(epoch: number): void {
    this.#toldEpoch = Math.max(this.#toldEpoch, epoch);
  }

  /** A report of the member was taken. */
  heard(member: GroupMember, nowMs: number): void {
    member.lastHeardMs = nowMs;
    member.presence = 'up';
    if (!member.isSlave && member.epoch === this.#epoch) this.#presentHeardMs = nowMs;
  }

  /**
   * When a report of a master with a lower epoch was taken last; -Infinity: never. Of epochs below the present one it is not
   * known which, so for them the answer may be too late a time, never too early a one.
   */
  heardBelowMs(epoch: number): number {
    return epoch > this.#epoch
      ? Math.max(this.#lowerHeardMs, this.#presentHeardMs)
      : this.#lowerHeardMs;
  }

  remove(member: GroupMember): void {
    this.members.delete(member.name);
    if (this.#master === member) this.#master = undefined;
    if (this.#lastMaster === member) this.#lastMaster = undefined;
  }

  #adoptRole(member: GroupMember): boolean {
    const { isSlave, runId, epoch } = member.hello;
    if (isSlave) {
      if (this.#master === member) this.#master = undefined;
      return false;
    }
    const told = JSON.stringify([member.name, runId, epoch]);
    if (told === this.#told) this.configuration.restart();
    else this.configuration.startRun();
    const isNew = told !== this.#told;
    this.#told = told;
    this.#master = member;
    this.#lastMaster = member;
    return isNew;
  }
}
