import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What V8 writes with --cpu-prof, as far as we read it. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface ProfileRow {
  /** `function  file:line`, or a part of the program. */
  readonly name: string;
  /** Of the time in which the thread did anything. */
  readonly percent: number;
}

const IDLE = new Set(['(idle)', '(program)', '(root)']);

/** Self time by function and by part of the program, largest first, from the newest profile in `directory`. */
export function readProfile(directory: string): { functions: ProfileRow[]; parts: ProfileRow[] } {
  const file = readdirSync(directory)
    .filter((name) => name.endsWith('.cpuprofile'))
    .sort()
    .at(-1);
  if (file === undefined) throw new Error(`no CPU profile in ${directory}`);
  const profile = JSON.parse(readFileSync(join(directory, file), 'utf8')) as CpuProfile;
  const micros = new Map<number, number>();
  for (const [index, id] of profile.samples.entries()) {
    micros.set(id, (micros.get(id) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  const functions = new Map<string, number>();
  const parts = new Map<string, number>();
  let busyMicros = 0;
  for (const { id, callFrame } of profile.nodes) {
    const spent = micros.get(id) ?? 0;
    if (spent === 0 || IDLE.has(callFrame.functionName)) continue;
    busyMicros += spent;
    add(functions, describe(callFrame), spent);
    add(parts, partOf(callFrame.functionName, callFrame.url), spent);
  }
  return { functions: rows(functions, busyMicros), parts: rows(parts, busyMicros) };
}

function add(table: Map<string, number>, name: string, micros: number): void {
  table.set(name, (table.get(name) ?? 0) + micros);
}

function rows(table: ReadonlyMap<string, number>, totalMicros: number): ProfileRow[] {
  return [...table]
    .sort((a, b) => b[1] - a[1])
    .map(([name, micros]) => ({ name, percent: (100 * micros) / totalMicros }));
}

function describe(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
  if (frame.url === '') return name;
  return `${name}  ${shortPath(frame.url)}:${frame.lineNumber + 1}`;
}

const shortPath = (url: string): string =>
  url
    .replace(/^file:\/\//, '')
    .replace(/^.*\/node_modules\//, '')
    .replace(`${process.cwd()}/`, '');

function partOf(functionName: string, url: string): string {
  if (functionName === '(garbage collector)') return 'garbage collector';
  if (url === '') return 'native code';
  const inPackages = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url);
  if (inPackages) return inPackages[1] ?? '';
  if (url.startsWith('node:')) return url.split('/').slice(0, 2).join('/');
  return shortPath(url).split('/').slice(0, 2).join('/');
}
