import { StoreError } from '../store/store-error.ts';
import type { IndexDamage } from '../store/index/index-damage.ts';

/** A damaged index as an error for whoever asked. The log is intact: the next start builds the index anew from it. */
export function indexDamaged(damage: IndexDamage): StoreError {
  return new StoreError({
    kind: 'corrupt',
    file: damage.file,
    offset: 0,
    reason: `queue index: ${damage.reason}`,
    hint: 'Messages are safe in the log. Restart the broker; it builds the queue index anew.',
  });
}
