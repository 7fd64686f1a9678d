import { posix } from 'node:path';
import ts from 'typescript';
import { read } from './source-tree.ts';

/** Who imports whom, type imports included: a cycle of types is a cycle for the reader too. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

function importsOf(path: string): string[] {
  return ts.preProcessFile(read(path), true, true).importedFiles.map(({ fileName }) => fileName);
}

/** Packages and Node modules that the file names. */
export function packagesOf(path: string): string[] {
  return importsOf(path).filter((name) => !name.startsWith('.'));
}

export function buildGraph(paths: readonly string[]): ImportGraph {
  const resolve = (from: string, name: string): string => posix.join(posix.dirname(from), name);
  const targets = (path: string): string[] =>
    importsOf(path)
      .filter((name) => name.startsWith('.'))
      .map((name) => resolve(path, name));
  return new Map(paths.map((path) => [path, targets(path)]));
}

export function reachableFrom(graph: ImportGraph, entries: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const open = [...entries];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    open.push(...(graph.get(path) ?? []));
  }
  return seen;
}

/** The import cycles, each as `a.ts -> b.ts -> a.ts`; one per back edge of a depth-first walk. */
export function findCycles(graph: ImportGraph): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push([...trail.slice(start), path].join(' -> '));
    if (start >= 0 || done.has(path)) return;
    trail.push(path);
    for (const target of graph.get(path) ?? []) visit(target);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return cycles;
}
