import { posix } from 'node:path';
import { diskError } from '../../common/environment/disk-error.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SimInode } from './sim-inode.ts';

type NameOperation =
  | { kind: 'create'; path: string; inode: SimInode }
  | { kind: 'remove'; path: string }
  | { kind: 'rename'; path: string; from: string; inode: SimInode };

/** Which names a crash keeps of those that were not synced. */
export type NameLoss =
  /** A journal: what happened before a kept operation is kept too. */
  | 'suffix'
  /** The letter of POSIX: any of them. */
  | 'subset';

/**
 * The tree of names: which path leads to which file, now and after a crash. Directories are durable as soon as they are
 * made (the port promises it); names of files only after `syncDirectory`.
 */
export class SimNames {
  #current = new Map<string, SimInode>();
  #durable = new Map<string, SimInode>();
  #pending: NameOperation[] = [];
  #directories = new Set(['/']);

  clone(): SimNames {
    const copy = new SimNames();
    const copies = new Map<SimInode, SimInode>();
    const copied = (inode: SimInode): SimInode => {
      const known = copies.get(inode) ?? inode.clone();
      copies.set(inode, known);
      return known;
    };
    for (const [path, inode] of this.#current) copy.#current.set(path, copied(inode));
    for (const [path, inode] of this.#durable) copy.#durable.set(path, copied(inode));
    copy.#pending = this.#pending.map((operation) =>
      operation.kind === 'remove' ? operation : { ...operation, inode: copied(operation.inode) },
    );
    copy.#directories = new Set(this.#directories);
    return copy;
  }

  /** Files that have a name now. */
  inodes(): Iterable<SimInode> {
    return this.#current.values();
  }

  paths(): string[] {
    return [...this.#current.keys()].sort();
  }

  find(path: string): SimInode | undefined {
    return this.#current.get(path);
  }

  isDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  create(path: string): SimInode {
    const inode = new SimInode();
    this.#apply({ kind: 'create', path, inode });
    return inode;
  }

  /** The file that lost its name, if there was one. */
  remove(path: string): SimInode | undefined {
    const inode = this.#current.get(path);
    if (inode !== undefined) this.#apply({ kind: 'remove', path });
    return inode;
  }

  /** The file whose place was taken, if there was one. */
  rename(from: string, to: string): SimInode | undefined {
    const inode = this.#current.get(from);
    if (inode === undefined) throw diskError('ENOENT', 'rename', from, 'no such file');
    const replaced = this.#current.get(to);
    if (replaced === inode) return undefined;
    this.#apply({ kind: 'rename', path: to, from, inode });
    return replaced;
  }

  makeDirectory(path: string): void {
    for (let made = path; !this.#directories.has(made); made = posix.dirname(made)) {
      if (this.#current.has(made)) throw diskError('EEXIST', 'mkdir', made, 'file exists');
      this.#directories.add(made);
    }
  }

  list(directory: string): string[] {
    const all = [...this.#current.keys(), ...this.#directories];
    return all
      .filter((path) => path !== '/' && posix.dirname(path) === directory)
      .map((path) => posix.basename(path))
      .sort();
  }

  /** Makes the operations on names of `directory` durable, and those that they build on. */
  syncDirectory(directory: string): void {
    const kept = new Set<string>();
    const later: NameOperation[] = [];
    const now: NameOperation[] = [];
    for (const operation of this.#pending.toReversed()) {
      const paths = pathsOf(operation);
      const isNeeded = paths.some((path) => posix.dirname(path) === directory || kept.has(path));
      if (isNeeded) for (const path of paths) kept.add(path);
      (isNeeded ? now : later).unshift(operation);
    }
    for (const operation of now) applyTo(this.#durable, operation);
    this.#pending = later;
  }

  /** Names that were not synced are lost with `probability`. */
  crash(loss: NameLoss, probability: number, random: SeededRandom): void {
    for (const operation of this.#pending) {
      if (!random.chance(probability)) applyTo(this.#durable, operation);
      else if (loss === 'suffix') break;
    }
    this.#pending = [];
    this.#current = new Map(this.#durable);
    for (const inode of this.#current.values()) inode.links = 0;
    for (const inode of this.#current.values()) inode.links++;
  }

  #apply(operation: NameOperation): void {
    const replaced = this.#current.get(operation.path);
    if (replaced !== undefined) replaced.links--;
    if (operation.kind === 'create') operation.inode.links++;
    applyTo(this.#current, operation);
    this.#pending.push(operation);
  }
}

function pathsOf(operation: NameOperation): string[] {
  return operation.kind === 'rename' ? [operation.from, operation.path] : [operation.path];
}

function applyTo(names: Map<string, SimInode>, operation: NameOperation): void {
  if (operation.kind === 'remove') {
    names.delete(operation.path);
    return;
  }
  if (operation.kind === 'rename') names.delete(operation.from);
  names.set(operation.path, operation.inode);
}
