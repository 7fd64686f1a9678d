import { readFileSync } from 'node:fs';
import process from 'node:process';
import { buildProgram } from './program.ts';
import { runCommandLine } from './run.ts';
import { nodeTerminal } from './terminal.ts';

/** Version of the package that this file belongs to, beside its sources or above dist/. */
function packageVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(path, import.meta.url), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      continue; // not there: the other layout
    }
  }
  return 'unknown';
}

const context = { terminal: nodeTerminal(), version: packageVersion() };
// Not process.exit: a node that was started goes on, and output that is still on its way must arrive.
process.exitCode = await runCommandLine(context, buildProgram(context), process.argv.slice(2));
