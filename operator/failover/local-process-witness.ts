import type { Disk } from '../../common/environment/disk.ts';
import type { ProcessWitness } from './process-witness.ts';

/** A process, and the run that it is: a process id alone is used again one day. */
interface KnownProcess {
  readonly pid: number;
  /** As the kernel counts it, in ticks since the machine started. */
  readonly startTime: string;
  readonly runId: string;
}

/** Runs of one member that are remembered: the last ones are those that may still be called a master. */
const RUNS_MAX = 8;

/**
 * Processes of this machine, from the files `MEMBER.json` that their supervisor writes (`{pid, startTime, runId}`) and from
 * /proc. A run is over when the process that it was is not there any more, or is another one by its start time, or is a
 * zombie. Where there is no /proc it says nothing.
 */
export class LocalProcessWitness implements ProcessWitness {
  readonly #disk: Pick<Disk, 'readFile'>;
  readonly #directory: string;
  /** Newest last. A file is replaced when its process is started again; what it said of the one before stays true. */
  readonly #known = new Map<string, readonly KnownProcess[]>();

  constructor(disk: Pick<Disk, 'readFile'>, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  async endedRuns(_brokerName: string, memberName: string): Promise<readonly string[]> {
    const known = await this.#learn(memberName);
    if (known.length === 0 || !(await this.#hasProc())) return [];
    const alive = await Promise.all(known.map((process) => this.#isAlive(process)));
    const ended = known.filter((_, index) => alive[index] === false);
    return ended.map(({ runId }) => runId);
  }

  /** With what its file says now. */
  async #learn(memberName: string): Promise<readonly KnownProcess[]> {
    const known = this.#known.get(memberName) ?? [];
    const found = parseProcess(await this.#read(`${this.#directory}/${memberName}.json`));
    if (found === undefined || known.some(({ runId }) => runId === found.runId)) return known;
    const next = [...known, found].slice(-RUNS_MAX);
    this.#known.set(memberName, next);
    return next;
  }

  async #isAlive({ pid, startTime }: KnownProcess): Promise<boolean> {
    const stat = await this.#read(`/proc/${pid}/stat`);
    return stat !== undefined && startTimeOf(stat) === startTime;
  }

  async #hasProc(): Promise<boolean> {
    return (await this.#read('/proc/self/stat')) !== undefined;
  }

  /** Undefined when it is not there: the only answer that says that a process is over. Anything else rejects. */
  async #read(path: string): Promise<string | undefined> {
    try {
      return (await this.#disk.readFile(path)).toString('utf8');
    } catch (error) {
      const { code } = error as { code?: unknown };
      // A process that ends while its file is read is ESRCH.
      if (code === 'ENOENT' || code === 'ESRCH') return undefined;
      throw error;
    }
  }
}

/** Undefined for a file that is not there, not whole, or written before the run was known. */
function parseProcess(text: string | undefined): KnownProcess | undefined {
  if (text === undefined) return undefined;
  let value: Partial<Record<keyof KnownProcess, unknown>> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return undefined; // half written by a supervisor that does not replace in one step: the next look finds it whole
  }
  const { pid, startTime, runId } = value ?? {};
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined;
  if (typeof startTime !== 'string' || typeof runId !== 'string' || runId === '') return undefined;
  return { pid, startTime, runId };
}

/** Field 22 of /proc/PID/stat; fields are counted from behind the name, which may contain anything. Undefined for a zombie. */
function startTimeOf(stat: string): string | undefined {
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? undefined : fields[START_TIME_FIELD];
}

/** 22nd field, without the two before the state and the state itself. */
const START_TIME_FIELD = 18;
