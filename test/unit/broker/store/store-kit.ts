import { assert } from '../../../../common/assert.ts';
import type { Environment } from '../../../../common/environment/environment.ts';
import { physicalOffset, type PhysicalOffset } from '../../../../common/model/offsets.ts';
import { CommitLog, type CommitLogOptions } from '../../../../broker/store/commit-log.ts';
import { RecordType } from '../../../../broker/store/record-type.ts';

/** What the tests of the log share: a small log, and text records. */
export const FROM_START = { scanFrom: physicalOffset(0), durableFloor: physicalOffset(0) };

export const smallOptions = (changes: Partial<CommitLogOptions> = {}): CommitLogOptions => ({
  directory: '/data',
  segmentBytes: 10_000,
  flush: 'sync',
  flushIntervalMs: 100,
  cacheBytes: 1 << 20,
  batchBytesMax: 4_000,
  pendingBytesMax: 100_000,
  ...changes,
});

export const openLog = (
  environment: Environment,
  changes: Partial<CommitLogOptions> = {},
): Promise<CommitLog> => CommitLog.open(smallOptions(changes), environment, FROM_START);

export function tryPut(log: CommitLog, text: string): ReturnType<CommitLog['append']> {
  const payload = Buffer.from(text);
  return log.append(
    RecordType.Message,
    0,
    payload.length,
    (buffer, at) => void payload.copy(buffer, at),
  );
}

export function put(log: CommitLog, text: string): PhysicalOffset {
  const result = tryPut(log, text);
  assert(typeof result === 'number', `append answered ${result}`);
  return result;
}

export async function texts(
  log: CommitLog,
  from: PhysicalOffset = log.startOffset,
): Promise<string[]> {
  const found: string[] = [];
  for await (const records of log.scan(from)) {
    for (const record of records)
      found.push(record.buffer.toString('utf8', record.payloadStart, record.payloadEnd));
  }
  return found;
}

/** Runs a progress generator to its result. */
export async function finish<T>(steps: AsyncGenerator<unknown, T, void>): Promise<T> {
  let next = await steps.next();
  while (next.done !== true) next = await steps.next();
  return next.value;
}
