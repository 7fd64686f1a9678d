/** What has to hold before a failed log takes appends again. */
import type { Disk } from '../../common/environment/disk.ts';
import type { Timers } from '../../common/environment/timers.ts';
import type { PhysicalOffset } from '../../common/model/offsets.ts';
import type { LogFailure } from './group-commit.ts';
import { scanRecords } from './log-scanner.ts';
import type { SegmentList } from './segment-list.ts';
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

/** Reads [from, to) back from the files, never from memory, and requires that every record is intact. */
export async function verifyRange(
  segments: SegmentList,
  timers: Timers,
  from: PhysicalOffset,
  to: PhysicalOffset,
): Promise<void> {
  let position = from;
  while (position < to) {
    const segment = segments.find(position);
    if (segment === undefined) return;
    const scan = scanRecords(segment, timers, position, segment.endOffset);
    let next = await scan.next();
    while (next.done !== true) next = await scan.next();
    if (next.value.state !== 'end') {
      throw new StoreError({
        kind: 'corrupt',
        file: segment.path,
        offset: next.value.offset,
        reason: `${next.value.state} on reading back what was written before the failure`,
        hint: 'Restart the broker: recovery keeps the intact part and reports the rest. Check the disk first.',
      });
    }
    position = segment.endOffset;
  }
}
