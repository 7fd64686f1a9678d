import { builtinModules } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { packagesOf } from './import-graph.ts';
import { PRODUCT_FILES, read, TYPESCRIPT } from './source-tree.ts';

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const manifest = JSON.parse(read('package.json')) as Manifest;
const runtime = Object.keys(manifest.dependencies);
const ADR = 'docs/adr/0002-dependencies.md';

/** Dependencies that no file of ours imports, with the reason. */
const NOT_IMPORTED: Record<string, string> = {
  node: 'brings the Node that the scripts run on, where the machine has an older one',
  protobufjs: 'imported by proto/generated',
};

/** `@grpc/grpc-js/build/x` belongs to `@grpc/grpc-js`. */
const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const packages = (paths: readonly string[]): Set<string> =>
  new Set(
    paths
      .flatMap(packagesOf)
      .filter((name) => !name.startsWith('node:'))
      .map(packageName),
  );

interface LockFile {
  packages: Record<string, { optionalDependencies?: Record<string, string> }>;
}

describe('the lock file', () => {
  it('names the packages of all platforms, else npm ci refuses it (see scripts/complete-lockfile.ts)', () => {
    const { packages: locked } = JSON.parse(read('package-lock.json')) as LockFile;
    const missing = Object.entries(locked).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !locked[`node_modules/${name}`] && !locked[`${path}/node_modules/${name}`],
      ),
    );
    expect(missing).toEqual([]);
  });
});

describe('dependencies', () => {
  it('have exact versions', () => {
    const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  it('of the product have each a line in the decision record, and no other has', () => {
    const listed = [...read(ADR).matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual([...runtime].sort());
  });

  it('are declared where they are imported', () => {
    const undeclared = (paths: readonly string[], declared: readonly string[]): string[] =>
      [...packages(paths)].filter((name) => !declared.includes(name));
    expect(undeclared(PRODUCT_FILES, runtime)).toEqual([]);
    expect(undeclared(TYPESCRIPT, [...runtime, ...Object.keys(manifest.devDependencies)])).toEqual(
      [],
    );
  });

  it('of the product are used by the product', () => {
    const used = packages(PRODUCT_FILES);
    expect(runtime.filter((name) => !used.has(name) && !(name in NOT_IMPORTED))).toEqual([]);
  });

  it('on Node modules carry the node: prefix', () => {
    const bare = TYPESCRIPT.filter((path) =>
      packagesOf(path).some((name) => !name.startsWith('node:') && builtinModules.includes(name)),
    );
    expect(bare).toEqual([]);
  });
});
