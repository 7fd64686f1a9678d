import { assert } from '../assert.ts';
import type { OptionDefinition, OptionTable } from './option-definition.ts';

/** How one option is called in each place; all derived from its key, so that they cannot disagree. */
export interface OptionNames {
  /** `--flush-interval` */
  readonly flag: string;
  /** `ORBITMQ_FLUSH_INTERVAL` */
  readonly env: string;
  /** `store.flushInterval` */
  readonly yaml: string;
}

export const ENV_PREFIX = 'ORBITMQ_';

/** Durations are written with their unit, so that the `Ms` of the key is dropped; sizes keep `Bytes`, which says what they are. */
const DURATION_SUFFIX = 'Ms';

function optionNames(key: string, definition: OptionDefinition): OptionNames {
  const isDuration = definition.type === 'duration';
  assert(isDuration === key.endsWith(DURATION_SUFFIX), `key ${key} ends with its unit`);
  assert((definition.type === 'bytes') === key.includes('Bytes'), `key ${key} names its unit`);
  const base = isDuration ? key.slice(0, -DURATION_SUFFIX.length) : key;
  const kebab = base.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return {
    flag: `--${kebab}`,
    env: `${ENV_PREFIX}${kebab.replaceAll('-', '_').toUpperCase()}`,
    yaml: `${definition.section}.${base}`,
  };
}

/** Names of a whole table, asserting that no two options share one. */
export function namesOfTable(table: OptionTable): ReadonlyMap<string, OptionNames> {
  const names = new Map<string, OptionNames>();
  const taken = new Set<string>();
  for (const [key, definition] of Object.entries(table)) {
    const own = optionNames(key, definition);
    for (const name of [own.flag, own.env, own.yaml]) {
      assert(!taken.has(name), `option name ${name} is used once`);
      taken.add(name);
    }
    names.set(key, own);
  }
  return names;
}
