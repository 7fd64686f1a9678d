/** Before the first suite of a run, in the process of jest: a folder for what they share. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { RUN_VARIABLE } from './run-folder.ts';

export default function setUpRun(): void {
  env[RUN_VARIABLE] = mkdtempSync(join(tmpdir(), 'orbitmq-e2e-'));
}
