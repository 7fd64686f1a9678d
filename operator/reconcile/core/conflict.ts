/** Several resources that stand for the same thing: the oldest one is in charge, the others are told whose it is. */

export interface Claimant {
  readonly name: string;
  readonly uid: string;
  /** As the API server writes it, RFC 3339 in UTC: the order of texts is the order of times. */
  readonly createdAt: string;
  readonly isDeleting: boolean;
}

/** Undefined: nobody stands in the way. One that is being deleted keeps its place until it is gone. */
export function winnerOver(own: Claimant, others: readonly Claimant[]): Claimant | undefined {
  const [first] = [own, ...others.filter(({ uid }) => uid !== own.uid)].toSorted(byAge);
  return first === undefined || first.uid === own.uid ? undefined : first;
}

/** Whether somebody else stands for the same thing: then nothing is deleted when this one goes. */
export function isSharedWith(own: Claimant, others: readonly Claimant[]): boolean {
  return others.some(({ uid, isDeleting }) => uid !== own.uid && !isDeleting);
}

function byAge(a: Claimant, b: Claimant): number {
  return compare(a.createdAt, b.createdAt) || compare(a.name, b.name) || compare(a.uid, b.uid);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
