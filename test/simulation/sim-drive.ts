import { posix } from 'node:path';
import {
  SOUND_DISK,
  type DiskFaults,
  type DiskOperation,
  type Fault,
  type Injection,
} from './disk-faults.ts';
import type { SimProcess } from './event-queue.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimInode } from './sim-inode.ts';
import { SimNames } from './sim-names.ts';

/** One operation that a node asks of its disk. */
export interface DiskOperationEvent {
  /** Counts all operations of the drive, from 1. */
  readonly ordinal: number;
  /** Counts those of this kind, from 1. */
  readonly ordinalOfKind: number;
  readonly kind: DiskOperation;
  readonly path: string;
}

/** What becomes of a change that was under way when its process died: a write can be cut short. */
export type ChangeFate = 'whole' | 'cut';

/**
 * The machine's drive: what remains when a node crashes, and the one place that decides faults. A node uses it through a
 * `SimDisk`, one for each life; tests use it directly to inject faults, to crash, to copy and to damage.
 */
export class SimDrive {
  faults: DiskFaults;
  /** May be changed at any time, also to less than is in use. */
  capacityBytes: number;
  readonly random: SeededRandom;
  #names = new SimNames();
  /** Files without a name that are still open. */
  readonly #orphans = new Set<SimInode>();
  readonly #locks = new Map<string, SimProcess>();
  readonly #inFlight = new Set<(fate: ChangeFate) => void>();
  readonly #counts = new Map<DiskOperation, number>();
  readonly #listeners = new Set<(event: DiskOperationEvent) => void>();
  #injections: Injection[] = [];
  #operationCount = 0;

  constructor(random: SeededRandom, faults: DiskFaults = SOUND_DISK, capacityBytes = 2 ** 40) {
    this.random = random;
    this.faults = faults;
    this.capacityBytes = capacityBytes;
  }

  /** The same contents, cached and durable, on a second drive, with counters at zero and no locks. */
  clone(): SimDrive {
    const copy = new SimDrive(this.random.fork('clone'), this.faults, this.capacityBytes);
    copy.#names = this.#names.clone();
    return copy;
  }

  get names(): SimNames {
    return this.#names;
  }

  get locks(): Map<string, SimProcess> {
    return this.#locks;
  }

  operationCount(kind?: DiskOperation): number {
    return kind === undefined ? this.#operationCount : (this.#counts.get(kind) ?? 0);
  }

  /** Bytes of all files that have a name or are open. */
  usedBytes(): number {
    let bytes = 0;
    for (const inode of this.#names.inodes()) bytes += inode.length;
    for (const inode of this.#orphans) {
      if (inode.handles === 0) this.#orphans.delete(inode);
      else bytes += inode.length;
    }
    return bytes;
  }

  freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.usedBytes());
  }

  /** Handles not closed; for tests that look for leaks. */
  openHandleCount(): number {
    let count = 0;
    for (const inode of [...this.#names.inodes(), ...this.#orphans]) count += inode.handles;
    return count;
  }

  inject(injection: Partial<Injection> & Pick<Injection, 'fault'>): void {
    this.#injections.push({ operation: 'any', ordinal: 1, times: 1, ...injection });
  }

  /** Fails the next operation of a kind. */
  injectNext(operation: DiskOperation, fault: Fault): void {
    this.inject({ operation, ordinal: this.operationCount(operation) + 1, fault });
  }

  clearInjections(): void {
    this.#injections = [];
  }

  /** Called when an operation begins; it may crash the node. Returns a function that ends it. */
  onOperation(listener: (event: DiskOperationEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The file's content as a process would read it now; undefined when there is none. */
  contentOf(path: string): Buffer | undefined {
    const inode = this.#names.find(normalized(path));
    return inode?.read(0, inode.length);
  }

  /** Flips the bits of `mask` in one byte at rest. */
  corrupt(path: string, position: number, mask = 0xff): void {
    const inode = this.#names.find(normalized(path));
    if (inode === undefined) throw new RangeError(`no file ${path}`);
    inode.corrupt(position, mask);
  }

  /** Counts an operation and decides its fate. */
  begin(kind: DiskOperation, path: string): { event: DiskOperationEvent; fault?: Fault } {
    this.#operationCount++;
    const ordinalOfKind = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, ordinalOfKind);
    const event = { ordinal: this.#operationCount, ordinalOfKind, kind, path };
    const fault = this.#injectedFault(event) ?? this.#drawnFault(kind);
    return fault === undefined ? { event } : { event, fault };
  }

  announce(event: DiskOperationEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  drawLatencyMs(kind: DiskOperation): number {
    const { latencyMeanMs, slowProbability, slowMs } = this.faults;
    const scale = kind === 'sync' || kind === 'syncDirectory' ? 10 : 1;
    const latencyMs = this.random.exponential(latencyMeanMs * scale);
    return this.random.chance(slowProbability) ? latencyMs + slowMs : latencyMs;
  }

  /** Registers a change that is under way; a crash may still carry it out. Returns a function that ends it. */
  beginChange(apply: (fate: ChangeFate) => void): () => void {
    this.#inFlight.add(apply);
    return () => void this.#inFlight.delete(apply);
  }

  /** The name is gone; the space is in use until the last handle is closed. */
  release(inode: SimInode | undefined): void {
    if (inode !== undefined && inode.links === 0 && inode.handles > 0) this.#orphans.add(inode);
  }

  /** Power is lost. Changes under way happen or not, and of what was not synced a drawn part remains. */
  crash(): void {
    this.#endChanges();
    const { crashLoss, nameLoss } = this.faults;
    this.#names.crash(nameLoss, crashLoss.lossProbability, this.random);
    for (const inode of this.#names.inodes()) inode.crash(crashLoss, this.random);
  }

  /** The process is killed and the machine lives on: everything that was written stays, locks and handles end. */
  endProcess(): void {
    this.#endChanges();
    for (const inode of this.#names.inodes()) inode.handles = 0;
  }

  #endChanges(): void {
    for (const apply of this.#inFlight) {
      const fate = this.random.pick(['whole', 'cut', 'none'] as const);
      if (fate !== 'none') apply(fate);
    }
    this.#inFlight.clear();
    this.#orphans.clear();
    this.#locks.clear();
  }

  #injectedFault(event: DiskOperationEvent): Fault | undefined {
    const found = this.#injections.find((injection) => {
      if (injection.operation !== 'any' && injection.operation !== event.kind) return false;
      if (injection.pathSuffix !== undefined && !event.path.endsWith(injection.pathSuffix))
        return false;
      const ordinal = injection.operation === 'any' ? event.ordinal : event.ordinalOfKind;
      return injection.times > 0 && ordinal >= injection.ordinal;
    });
    if (found !== undefined) found.times--;
    return found?.fault;
  }

  #drawnFault(kind: DiskOperation): Fault | undefined {
    const { faults, random } = this;
    if (kind === 'read' || kind === 'readFile') {
      if (random.chance(faults.readErrorProbability)) return { kind: 'error', code: 'EIO' };
      if (random.chance(faults.bitFlipProbability)) return { kind: 'bit-flip' };
    }
    if (kind === 'write' && random.chance(faults.writeErrorProbability)) {
      return { kind: 'error', code: 'EIO' };
    }
    if (kind === 'write' || kind === 'open' || kind === 'rename') {
      if (random.chance(faults.noSpaceProbability)) return { kind: 'error', code: 'ENOSPC' };
    }
    if (kind === 'sync' || kind === 'syncDirectory') {
      if (random.chance(faults.syncErrorProbability)) return { kind: 'error', code: 'EIO' };
    }
    return undefined;
  }
}

/** Relative paths start at the root: a simulated process has no working directory. */
export function normalized(path: string): string {
  return posix.resolve('/', path);
}
