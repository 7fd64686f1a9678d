#!/usr/bin/env node
/** The command `orbitmq`. */
import { start } from './start.js';

await start({
  built: () => import('../dist/cli/main.js'),
  sources: () => import('../cli/main.ts'),
});
