import { Option, type Command } from 'commander';
import { durationArgument } from './argument.ts';
import type { CliContext } from './cli-context.ts';
import type { EndpointSettings } from './client/endpoint.ts';
import { OUTPUT_FORMATS, type OutputFormat } from './output/output-format.ts';

const DEFAULT_ENDPOINT = '127.0.0.1:8081';
const DEFAULT_TIMEOUT_MS = 10_000;

/** Options of every command that talks to a server. */
export interface ClientOptions {
  readonly endpoint: string;
  readonly tls: boolean;
  readonly tlsInsecure: boolean;
  readonly tlsCa?: string;
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

export function withClient(command: Command, { terminal }: CliContext): Command {
  const fromEnv = terminal.env['ORBITMQ_ENDPOINT'];
  withOutput(command)
    .addOption(
      new Option('--endpoint <host:port>', 'server to talk to [env: ORBITMQ_ENDPOINT]')
        .default(fromEnv === undefined || fromEnv === '' ? DEFAULT_ENDPOINT : fromEnv)
        .helpGroup('Connection:'),
    )
    .addOption(
      new Option('--timeout <duration>', 'longest wait for one answer')
        .argParser(durationArgument)
        .default(DEFAULT_TIMEOUT_MS, '10s')
        .helpGroup('Connection:'),
    )
    .addOption(connection('--tls', 'speak TLS').default(false))
    .addOption(connection('--tls-ca <file>', 'speak TLS and trust this issuer (PEM)'))
    .addOption(connection('--tls-insecure', 'speak TLS and accept any certificate').default(false));
  return command;
}

function connection(flags: string, description: string): Option {
  return new Option(flags, description).helpGroup('Connection:');
}

export function endpointSettings(options: ClientOptions): EndpointSettings {
  const { endpoint, tls, tlsInsecure, tlsCa, timeout } = options;
  return { endpoint, tls, tlsInsecure, tlsCa, timeoutMs: timeout };
}
