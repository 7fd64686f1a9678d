import type { DiskFile } from '../../../common/environment/disk.ts';
import type { IndexDamage } from './index-damage.ts';
import { scanPages } from './scan-pages.ts';

/** Writes the pages in [from, to) again, as they are, after checking them; see `IndexSegments.sync` for why. */
export async function rewritePages(
  file: DiskFile,
  from: number,
  to: number,
): Promise<IndexDamage | undefined> {
  const windows = scanPages(file, from, to);
  for (;;) {
    const step = await windows.next();
    if (step.done === true) return step.value;
    await file.write(step.value.position, [step.value.bytes]);
  }
}
