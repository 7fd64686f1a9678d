import { readFileSync } from 'node:fs';

export interface ProcessUsage {
  /** User and system time since the process began, in microseconds. */
  readonly cpuMicros: number;
  /** Resident memory. */
  readonly residentBytes: number;
}

/** `getconf CLK_TCK` is 100 on every Linux that Node runs on. */
const MICROS_PER_TICK = 10_000;

/** What the kernel has counted for a process. Linux only. */
export function processUsage(pid: number): ProcessUsage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may contain spaces; the numbered fields begin behind it. utime and stime are fields 14, 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const residentKib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  return { cpuMicros: ticks * MICROS_PER_TICK, residentBytes: residentKib * 1_024 };
}
