import type { GroupMember } from '../../common/model/broker-group.ts';
import { isSameAddress } from '../../common/options/parse-value.ts';

/** Whom a slave gets its data from, and in which epoch. */
export interface MasterOfEpoch {
  readonly epoch: number;
  readonly master: GroupMember;
}

/** A master that was moved is another one: it has to be connected to anew. */
export function isUnder(
  known: MasterOfEpoch | undefined,
  epoch: number,
  master: GroupMember,
): boolean {
  return known?.epoch === epoch && isSameAddress(known.master.address, master.address);
}
