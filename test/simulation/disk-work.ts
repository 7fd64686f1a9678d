import { diskError } from '../../common/environment/disk-error.ts';
import type { Fault } from './disk-faults.ts';
import type { SeededRandom } from './seeded-random.ts';

/** What an operation does when its time has come. One that changes the disk may also be carried out by a crash. */
export interface Work<T> {
  isChange: boolean;
  run(fault: Fault | undefined): T;
}

/** What a read of `content` returns under a fault. */
export function damaged(
  content: Buffer,
  fault: Fault | undefined,
  path: string,
  random: SeededRandom,
): Buffer {
  if (fault?.kind === 'error') throw diskError(fault.code, 'read', path, 'injected fault');
  if (fault?.kind === 'bit-flip' && content.length > 0) {
    content[random.below(content.length)]! ^= 1 << random.below(8);
  }
  return content;
}
