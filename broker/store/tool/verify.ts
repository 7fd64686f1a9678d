/** `orbitmq store verify DIR`: every checksum, every boundary, without changing anything. */
import type { PhysicalOffset } from '../../../common/model/offsets.ts';
import { readCheckpoint } from './describe.ts';
import {
  closeSegments,
  type Damage,
  openSegments,
  type ToolEnvironment,
  type ToolProgress,
  walkLog,
} from './log-walk.ts';

export interface VerifyReport {
  records: number;
  bytes: number;
  startOffset: number;
  endOffset: number;
  damages: Damage[];
  /** Set when the log ends below what the checkpoint knows to have been durable. */
  missingTail: { start: number; end: PhysicalOffset } | undefined;
}

export function isSound(report: VerifyReport): boolean {
  return report.damages.length === 0 && report.missingTail === undefined;
}

/** One sentence with file, offset and reason. */
export function describeDamage(damage: Damage): string {
  const bytes = damage.end - damage.start;
  const resume =
    damage.resumesAt === undefined
      ? 'no intact record follows'
      : `intact records go on at ${damage.resumesAt}`;
  return `${damage.file}: ${damage.state} at log offset ${damage.start}, ${bytes} bytes unreadable; ${resume}`;
}

export async function* verifyStore(
  environment: ToolEnvironment,
  directory: string,
): AsyncGenerator<ToolProgress, VerifyReport, void> {
  const checkpoint = await readCheckpoint(environment, directory);
  const segments = await openSegments(environment.disk, directory);
  const endOffset = segments.at(-1)?.endOffset ?? 0;
  const report: VerifyReport = {
    records: 0,
    bytes: 0,
    startOffset: segments[0]?.startOffset ?? 0,
    endOffset,
    damages: [],
    missingTail:
      checkpoint !== undefined && checkpoint.durableOffset > endOffset
        ? { start: endOffset, end: checkpoint.durableOffset }
        : undefined,
  };
  try {
    yield* walkLog(segments, environment.timers, {
      record(record) {
        report.records += 1;
        report.bytes += record.bytes;
      },
      damage(damage) {
        report.damages.push(damage);
      },
    });
  } finally {
    await closeSegments(segments);
  }
  return report;
}
