/** After the last suite of a run, in the process of jest: the Kubernetes that one of them has brought up is ended. */
import { rmSync } from 'node:fs';
import { env } from 'node:process';
import { localKube } from './local-kube.ts';
import { isDone, RUN_VARIABLE } from './run-folder.ts';

export default async function endRun(): Promise<void> {
  if (isDone('kubernetes-is-up')) await localKube.down();
  const folder = env[RUN_VARIABLE];
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}
