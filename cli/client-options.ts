import { Option, type Command } from 'commander';
import { durationArgument } from './argument.ts';
import type { CliContext } from './cli-context.ts';
import { OUTPUT_FORMATS, type OutputFormat } from './output/output-format.ts';

const DEFAULT_TIMEOUT_MS = 10_000;

/** Options of every command that talks to a server, however it is reached. */
export interface ClientOptions {
  readonly timeout: number;
  readonly output: OutputFormat;
}

export function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'form of the result')
      .choices(OUTPUT_FORMATS)
      .default('table'),
  );
}

export function withClient(command: Command, { servers }: CliContext): Command {
  servers.addOptions(withOutput(command));
  return command.addOption(
    new Option('--timeout <duration>', 'longest wait for one answer')
      .argParser(durationArgument)
      .default(DEFAULT_TIMEOUT_MS, '10s')
      .helpGroup('Connection:'),
  );
}
