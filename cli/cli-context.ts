import type { ServerAccess } from './server-access.ts';
import type { Terminal } from './terminal.ts';

/** What a command line is given. */
export interface ProgramContext {
  readonly terminal: Terminal;
  /** OrbitMQ's version. */
  readonly version: string;
}

/** What every command gets. */
export interface CliContext extends ProgramContext {
  readonly servers: ServerAccess;
}
