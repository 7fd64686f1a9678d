import type { NameLoss } from './sim-names.ts';
import type { CrashLoss } from './sim-inode.ts';

export type DiskOperation =
  | 'open'
  | 'readFile'
  | 'list'
  | 'makeDirectory'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'space'
  | 'lock'
  | 'size'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'close';

/** How a drive misbehaves, as probabilities per operation. */
export interface DiskFaults {
  /** Mean time of a read or write; a sync takes ten times as long. */
  latencyMeanMs: number;
  /** Now and then an operation takes `slowMs`. */
  slowProbability: number;
  slowMs: number;
  readErrorProbability: number;
  writeErrorProbability: number;
  /** Of writes and of new names, as if the disk were full for a moment. */
  noSpaceProbability: number;
  syncErrorProbability: number;
  /** One bit of what a read returns is wrong; the next read may be right. */
  bitFlipProbability: number;
  crashLoss: CrashLoss;
  nameLoss: NameLoss;
}

/** A sound drive, which still loses what was not synced when power fails. */
export const SOUND_DISK: DiskFaults = {
  latencyMeanMs: 0.1,
  slowProbability: 0,
  slowMs: 0,
  readErrorProbability: 0,
  writeErrorProbability: 0,
  noSpaceProbability: 0,
  syncErrorProbability: 0,
  bitFlipProbability: 0,
  crashLoss: { lossProbability: 0.5, exposesGarbage: false },
  nameLoss: 'subset',
};

export type Fault =
  /** The operation fails. Of a write, `prefixBytes` are written first (undefined: any number, drawn). */
  | { kind: 'error'; code: 'EIO' | 'ENOSPC' | 'EACCES' | 'EMFILE'; prefixBytes?: number }
  /** One drawn bit of what the read returns is flipped. */
  | { kind: 'bit-flip' }
  | { kind: 'delay'; delayMs: number };

/** A fault at a chosen operation of a drive, counted from 1 over its whole life. */
export interface Injection {
  operation: DiskOperation | 'any';
  /** Only operations on paths that end so. */
  pathSuffix?: string;
  /** Number of the first operation, among those of this kind (all of them with `any`), that fails. */
  ordinal: number;
  /** How many in a row fail; Infinity until `clearInjections`. */
  times: number;
  fault: Fault;
}
