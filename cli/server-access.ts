import type { Command } from 'commander';
import type { EndpointSettings } from './client/endpoint.ts';

/** How commands come to the server that they talk to: by its address, or through Kubernetes. */
export interface ServerAccess {
  /** Short flags that mean something else here: options of commands that have them are only known by their long names. */
  readonly takenFlags: readonly string[];
  /** Adds the options that say which server it is. */
  addOptions(command: Command): void;
  reach(options: ReachOptions): Promise<ReachedServer>;
}

/** With what `addOptions` added. */
export interface ReachOptions {
  /** Longest wait for one answer. */
  readonly timeout: number;
}

export interface ReachedServer {
  readonly settings: EndpointSettings;
  /** To be called once, when nothing is asked any more. */
  leave(): Promise<void>;
}

/** `-n, --count <number>`, without the short flag where it is taken. */
export function freeFlags({ takenFlags }: ServerAccess, flags: string): string {
  const [short = '', long] = flags.split(', ');
  return long !== undefined && takenFlags.includes(short) ? long : flags;
}
