#!/usr/bin/env node
/** The command `kubectl orbitmq`: kubectl runs what is called `kubectl-orbitmq` and can be found in PATH. */
import { start } from './start.js';

await start({
  built: () => import('../dist/cli/kube/main.js'),
  sources: () => import('../cli/kube/main.ts'),
});
