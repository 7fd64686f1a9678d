import type { Terminal } from './terminal.ts';

/** What every command gets. */
export interface CliContext {
  readonly terminal: Terminal;
  /** OrbitMQ's version. */
  readonly version: string;
}
