import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processStartTime } from './process-start-time.ts';

/**
 * `processes/NAME.json`: which process a node is. The failover controller reads it to notice at once that a master has ended;
 * `orbitmq cluster kill` and its like read it to know whom they mean.
 */
export interface ProcessFile {
  readonly pid: number;
  /** As the system counts it: a process id alone is used again one day. */
  readonly startTime: string;
  /** What the node calls this run of itself in its heartbeats. */
  readonly runId: string;
}

export function writeProcessFile(directory: string, name: string, file: ProcessFile): void {
  const path = pathOf(directory, name);
  // In one step: whoever reads it at this moment sees the old or the new process, not half of one.
  writeFileSync(`${path}.new`, `${JSON.stringify(file)}\n`);
  renameSync(`${path}.new`, path);
}

/** Undefined when there is none, or when it is not whole. */
export function readProcessFile(directory: string, name: string): ProcessFile | undefined {
  let text: string;
  try {
    text = readFileSync(pathOf(directory, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { pid, startTime, runId } = JSON.parse(text) as Partial<ProcessFile>;
  if (typeof pid !== 'number' || typeof startTime !== 'string') return undefined;
  return { pid, startTime, runId: runId ?? '' };
}

export function removeProcessFile(directory: string, name: string): void {
  rmSync(pathOf(directory, name), { force: true });
}

/** Whether this very process lives, and not another one that has got its id. */
export function isAlive({ pid, startTime }: ProcessFile): boolean {
  return processStartTime(pid) === startTime;
}

function pathOf(directory: string, name: string): string {
  return join(directory, `${name}.json`);
}
