import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';

/** Field 22 of /proc/PID/stat, counted from the one behind the name. */
const START_TIME_FIELD = 19;
const STATE_FIELD = 0;

/** When a process started, in the system's own form; undefined when there is no such process, or only its remains. */
export function processStartTime(pid: number): string | undefined {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

function fromProc(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // ended
  }
  // The name in parentheses may contain anything; the fields begin behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const isZombie = fields[STATE_FIELD] === 'Z' || fields[STATE_FIELD] === 'X';
  return isZombie ? undefined : fields[START_TIME_FIELD];
}

function fromPs(pid: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const text = stdout.trim();
  return text === '' ? undefined : text;
}
