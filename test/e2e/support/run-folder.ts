/** What the suites of one run share: a folder in which they leave what is there already. See setup-run.ts and end-run.ts. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';

export type Done = 'kubernetes-is-up' | 'image-is-loaded';

export const RUN_VARIABLE = 'ORBITMQ_E2E_RUN';

function fileOf(done: Done): string | undefined {
  const folder = env[RUN_VARIABLE];
  return folder === undefined ? undefined : join(folder, done);
}

export function isDone(done: Done): boolean {
  const file = fileOf(done);
  return file !== undefined && existsSync(file);
}

export function noteDone(done: Done): void {
  const file = fileOf(done);
  if (file !== undefined) writeFileSync(file, '');
}
