import type { Address } from '../../common/options/option-definition.ts';
import type { PlannedGroup } from './cluster-plan.ts';
import { changeText, type GroupState } from './cluster-watch.ts';

/** Where the door of a group is led; GroupDoor in the real cluster. */
export interface Door {
  leadTo(targets: readonly Address[]): void;
  cutAllBut(kept: readonly Address[]): void;
}

/** Looks at a new master for which connections to a member that is to follow it are kept: about a second. */
const ARRIVAL_LOOKS = 10;

/** Keeps the door of one group at its master, and says when the master changes. */
export class DoorKeeper {
  readonly #group: PlannedGroup;
  readonly #door: Door;
  readonly #isRunning: (member: string) => boolean;
  readonly #say: (line: string) => void;
  /** Whose door it is now, in the order in which they are tried. */
  #leadsTo: readonly string[] = [];
  /** The last master that was known. */
  #former: string | undefined;
  /** A master whose process has ended. */
  #gone: { readonly member: string; readonly epoch: number } | undefined;
  #state: GroupState | undefined;
  /** Epoch of the newest master that has been told of; undefined until the first one. */
  #toldEpoch: number | undefined;
  #toldBlocked = '';
  /** At the master of this epoch. */
  #looks = { epoch: 0, count: 0 };

  constructor(
    group: PlannedGroup,
    door: Door,
    isRunning: (member: string) => boolean,
    say: (line: string) => void,
  ) {
    this.#group = group;
    this.#door = door;
    this.#isRunning = isRunning;
    this.#say = say;
  }

  get state(): GroupState | undefined {
    return this.#state;
  }

  /** `state`: undefined when nobody answers; then what was known before holds. */
  update(state: GroupState | undefined): void {
    if (state !== undefined) {
      this.#tell(state);
      this.#state = state;
      this.#former = state.master ?? this.#former;
    }
    this.#lead(this.#order());
    if (state?.master !== undefined) this.#cut(state.master, state);
  }

  /** Its process has ended. One that comes back in its place is no master any more in this epoch. */
  ended(member: string): void {
    const { master, epoch } = this.#state ?? {};
    if (member === master && epoch !== undefined) this.#gone = { member, epoch };
    this.update(undefined);
  }

  /**
   * The master first. While there is none, any living member: it holds what comes, or passes it on. Last the one that has
   * failed, if that is all there is.
   */
  #order(): readonly string[] {
    const { master } = this.#state ?? {};
    const isGone = this.#gone !== undefined && this.#gone.epoch === this.#state?.epoch;
    const leader = isGone && this.#gone?.member === master ? undefined : master;
    const failed = leader === undefined ? (master ?? this.#former) : '';
    const rank = (name: string): number => (name === leader ? 0 : name === failed ? 2 : 1);
    const living = this.#group.members.map(({ name }) => name).filter(this.#isRunning);
    return living.sort((a, b) => rank(a) - rank(b));
  }

  #lead(members: readonly string[]): void {
    if (members.join() === this.#leadsTo.join()) return;
    this.#leadsTo = members;
    this.#door.leadTo(this.#addresses(members));
  }

  /**
   * While there is no master nobody is better off elsewhere: the members hold what comes. When there is one, they have a moment
   * to follow it.
   */
  #cut(master: string, { epoch, followers, arriving }: GroupState): void {
    this.#looks = this.#looks.epoch === epoch ? this.#looks : { epoch, count: 0 };
    this.#looks.count += 1;
    const expected = this.#looks.count <= ARRIVAL_LOOKS ? arriving : [];
    this.#door.cutAllBut(this.#addresses([master, ...followers, ...expected]));
  }

  #addresses(members: readonly string[]): readonly Address[] {
    return members.flatMap((member) => {
      const found = this.#group.members.find(({ name }) => name === member);
      return found === undefined ? [] : [found.address];
    });
  }

  #tell({ group, master, epoch, blocked, transition }: GroupState): void {
    const told = this.#toldEpoch;
    // Before the first election it waits for every member, which is no news.
    if (told !== undefined && blocked !== this.#toldBlocked && blocked !== '')
      this.#say(`${group}: no master: ${blocked}`);
    this.#toldBlocked = blocked;
    if (master === undefined) return;
    if (told !== undefined && epoch <= told) return;
    this.#toldEpoch = epoch;
    if (told === undefined) return; // the first one stands in the overview
    const isDescribed = transition !== undefined && transition.newEpoch === epoch;
    this.#say(
      isDescribed
        ? changeText(group, transition)
        : `${group}: ${master} is master (epoch ${epoch})`,
    );
  }
}
