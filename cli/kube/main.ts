import process from 'node:process';
import { packageVersion } from '../package-version.ts';
import { runCommandLine } from '../run.ts';
import { nodeTerminal } from '../terminal.ts';
import { buildPlugin } from './plugin-program.ts';

const context = { terminal: nodeTerminal(), version: packageVersion() };
process.exitCode = await runCommandLine(context, buildPlugin(context), process.argv.slice(2));
