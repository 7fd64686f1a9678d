import { describe, expect, it } from '@jest/globals';
import { exportsOf } from './exports.ts';
import { buildGraph, findCycles, reachableFrom } from './import-graph.ts';
import { FILES, PRODUCT_FILES, read, TYPESCRIPT } from './source-tree.ts';

const graph = buildGraph(TYPESCRIPT);
const isEntry = (path: string): boolean => path.endsWith('/main.ts');

/** Where commands are written down: a bench or a script that none of these names is forgotten. */
const COMMANDS = FILES.filter((path) =>
  /(\.md|^package\.json|^\.ci\/run|\.config\.js)$/.test(path),
);
const isMentioned = (path: string): boolean => COMMANDS.some((file) => read(file).includes(path));

/** What a file uses of a module that it imports as one object. */
function namespaceMembers(text: string): string[] {
  return [...text.matchAll(/^import \* as (\w+) from '\./gm)].flatMap(([, name]) =>
    [...text.matchAll(new RegExp(`\\b${name}\\.(\\w+)`, 'g'))].map(([, member]) => member ?? ''),
  );
}

describe('imports', () => {
  it('have no cycles', () => {
    expect(findCycles(graph)).toEqual([]);
  });

  it('would show a cycle', () => {
    const planted = new Map([
      ['a.ts', ['b.ts']],
      ['b.ts', ['c.ts']],
      ['c.ts', ['b.ts']],
    ]);
    expect(findCycles(planted)).toEqual(['b.ts -> c.ts -> b.ts']);
  });

  it('name files that exist, with their suffix', () => {
    const generated = /^proto\/|\.json$/;
    const broken = [...graph].flatMap(([path, targets]) =>
      targets
        .filter((target) => !generated.test(target) && !TYPESCRIPT.includes(target))
        .map((target) => `${path} -> ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('reach every file of the product from a main.ts', () => {
    const reached = reachableFrom(graph, PRODUCT_FILES.filter(isEntry));
    expect(PRODUCT_FILES.filter((path) => !reached.has(path))).toEqual([]);
  });

  it('reach every bench, script and test support file', () => {
    const others = TYPESCRIPT.filter((path) => /^(bench|scripts|test)\//.test(path));
    // Scenarios are found by their folder (test/simulation/scenario-registry.ts), drivers are programs of their own.
    const isFound = (path: string): boolean =>
      /\.test\.ts$|^test\/simulation\/scenarios\/|^test\/conformance\/\w+\/driver\.ts$/.test(path);
    const entries = others.filter((path) => isFound(path) || isMentioned(path));
    const reached = reachableFrom(graph, [...entries, 'scripts/lint/layer-config.ts']);
    expect(others.filter((path) => !reached.has(path))).toEqual([]);
  });

  it('use every function, class and constant that a product file exports', () => {
    const imported = new Set(
      TYPESCRIPT.flatMap((path) => [
        ...read(path).matchAll(/^(?:import|export)\b[^;]*?\bfrom '\./gms),
        ...read(path).matchAll(/\{[\w, ]+\} = await import\('\./g),
      ])
        .flatMap(([clause]) => clause.match(/\w+/g) ?? [])
        .concat(TYPESCRIPT.flatMap((path) => namespaceMembers(read(path)))),
    );
    // A main.ts is imported when its command runs, and then by `await import`.
    const unused = PRODUCT_FILES.filter((path) => !isEntry(path)).flatMap((path) =>
      exportsOf(path)
        .filter(({ name, isType }) => !isType && !imported.has(name))
        .map(({ name }) => `${path}: ${name}`),
    );
    expect(unused).toEqual([]);
  });
});
