/**
 * Completes package-lock.json after an `npm install` against a registry mirror that lacks the binaries of other platforms.
 * npm leaves out of the lock file what it could not look up, and `npm ci` then refuses the file everywhere ("Missing: …
 * from lock file"). This adds an entry for each, with the version that its package demands and the platform that its name
 * tells. test/tidy/dependencies.test.ts fails when it is needed:
 *
 *     node scripts/complete-lockfile.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { stdout } from 'node:process';

interface LockedPackage {
  version?: string;
  dev?: boolean;
  license?: string;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

interface LockFile {
  packages: Record<string, LockedPackage>;
}

const LOCK_FILE = 'package-lock.json';
const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const PROCESSORS = [
  'arm',
  'arm64',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'x64',
];

/** `@swc/core-linux-arm-gnueabihf`: the platform is in the name. */
function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> {
  const words = name.split(/[/-]/);
  const os = words.filter((word) => SYSTEMS.includes(word));
  const cpu = words.filter((word) => PROCESSORS.includes(word));
  if (os.length !== 1 || cpu.length !== 1) throw new Error(`${name}: which platform is it for?`);
  const isMusl = words.some((word) => word.startsWith('musl'));
  const isGlibc = words.some((word) => word.startsWith('gnu'));
  return {
    os,
    cpu,
    ...(isMusl ? { libc: ['musl'] } : isGlibc && os[0] === 'linux' ? { libc: ['glibc'] } : {}),
  };
}

const lock = JSON.parse(readFileSync(LOCK_FILE, 'utf8')) as LockFile;
let added = 0;
for (const owner of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (lock.packages[path]) continue;
    lock.packages[path] = {
      version,
      ...(owner.dev === true ? { dev: true } : {}),
      ...(owner.license === undefined ? {} : { license: owner.license }),
      optional: true,
      ...platformOf(name),
    };
    added++;
  }
}
const byPath = ([a]: [string, unknown], [b]: [string, unknown]): number => a.localeCompare(b, 'en');
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(byPath));
writeFileSync(LOCK_FILE, `${JSON.stringify(lock, undefined, 2)}\n`);
stdout.write(`${added} packages of other platforms added\n`);
