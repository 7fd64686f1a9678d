import type { GroupRecord } from './core/group-record.ts';

/** Opaque: only whether two are equal says something. */
export type RecordVersion = string;

export interface StoredGroup {
  readonly record: GroupRecord;
  readonly version: RecordVersion;
}

/**
 * Where the records of groups are kept. This is the only consensus that a failover rests on: `read` gives what is stored now,
 * never a copy from earlier, and what `write` has answered with `written` survives everything.
 */
export interface GroupStore {
  /** Undefined: nothing is stored. Rejects when that cannot be told. */
  read(brokerName: string): Promise<StoredGroup | undefined>;
  /** Stores only if the version is still the one given; undefined: if nothing is stored. When it rejects, it may have been stored. */
  write(
    brokerName: string,
    record: GroupRecord,
    expected: RecordVersion | undefined,
  ): Promise<'written' | 'conflict'>;
}
