/** Sizes as Kubernetes writes them. */
import { assert } from '../../common/assert.ts';

const UNITS: Readonly<Record<string, number>> = {
  ...{ '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18, m: 1e-3 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** Bytes of `10Gi`, `512M` or `1073741824`, a fraction rounded up. What it is given has passed the schema. */
export function quantityBytes(quantity: string | number): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)([a-zA-Z]{0,2})$/.exec(String(quantity));
  const unit = match === null ? undefined : UNITS[match[2] ?? ''];
  assert(match !== null && unit !== undefined, `${quantity} is a quantity`);
  return Math.ceil(Number(match[1]) * unit);
}
