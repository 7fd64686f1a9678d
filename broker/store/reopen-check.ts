/** What has to hold before a failed log takes appends again. */
import type { Disk } from '../../common/environment/disk.ts';
import type { LogFailure } from './group-commit.ts';
import type { ScanStop } from './log-scanner.ts';
import { StoreError } from './store-error.ts';

const NO_SPACE = new Set(['ENOSPC', 'EDQUOT']);

/** After a full disk: at least one whole batch must fit, or the next append would only fail again. */
export async function requireSpace(
  disk: Disk,
  directory: string,
  failure: LogFailure,
  batchBytesMax: number,
): Promise<void> {
  if (!NO_SPACE.has(failure.code)) return;
  const { freeBytes } = await disk.space(directory);
  if (freeBytes >= batchBytesMax) return;
  throw new StoreError({
    kind: 'disk-full',
    file: failure.file,
    offset: failure.fromOffset,
    reason: `${freeBytes} bytes are free, ${batchBytesMax} are needed to accept writes again`,
    hint: 'Free space, enlarge the volume, or shorten the retention.',
  });
}

/** The error for a file that does not hold, on reading back, what had been written to it. */
export function notKept(file: string, stop: ScanStop): StoreError {
  return new StoreError({
    kind: 'corrupt',
    file,
    offset: stop.offset,
    reason: `${stop.state} on reading back what had been written`,
    hint: 'Check the disk, then restart the broker: recovery keeps the intact part and reports the rest.',
  });
}
