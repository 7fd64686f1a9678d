import type { Address } from '../../common/options/option-definition.ts';
import type { PlannedGroup } from './cluster-plan.ts';
import { changeText, type GroupState } from './cluster-watch.ts';

/** Where the door of a group is led; GroupDoor in the real cluster. */
export interface Door {
  leadTo(target: Address | undefined): void;
}

/** Keeps the door of one group at its master, and says when the master changes. */
export class DoorKeeper {
  readonly #group: PlannedGroup;
  readonly #door: Door;
  readonly #isRunning: (member: string) => boolean;
  readonly #say: (line: string) => void;
  /** Whose door it is now; undefined: nobody's. */
  #leadsTo: string | undefined;
  #state: GroupState | undefined;
  /** Epoch of the newest master that has been told of; undefined until the first one. */
  #toldEpoch: number | undefined;
  #toldBlocked = '';

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
    }
    const { master } = this.#state ?? {};
    this.#lead(master !== undefined && this.#isRunning(master) ? master : this.#anyMember());
  }

  /** While there is no master any living member will do: it holds what comes, or passes it on. Not the one that failed, if possible. */
  #anyMember(): string | undefined {
    const failed = this.#state?.transition?.oldMaster ?? this.#leadsTo;
    const living = this.#group.members.map(({ name }) => name).filter(this.#isRunning);
    if (this.#state?.master === undefined)
      return living.find((name) => name !== failed) ?? living[0];
    // Known as master, but its process has ended: the news has not come round yet.
    return living.find((name) => name !== this.#state?.master);
  }

  #lead(member: string | undefined): void {
    if (member === this.#leadsTo) return;
    this.#leadsTo = member;
    this.#door.leadTo(this.#group.members.find(({ name }) => name === member)?.address);
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
