import process from 'node:process';
import { packageVersion } from './package-version.ts';
import { buildProgram } from './program.ts';
import { runCommandLine } from './run.ts';
import { nodeTerminal } from './terminal.ts';

const context = { terminal: nodeTerminal(), version: packageVersion() };
// Not process.exit: a node that was started goes on, and output that is still on its way must arrive.
process.exitCode = await runCommandLine(context, buildProgram(context), process.argv.slice(2));
