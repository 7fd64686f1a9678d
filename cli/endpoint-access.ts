import { Option, type Command } from 'commander';
import type { ReachedServer, ReachOptions, ServerAccess } from './server-access.ts';
import type { Terminal } from './terminal.ts';

const DEFAULT_ENDPOINT = '127.0.0.1:8081';

interface EndpointOptions extends ReachOptions {
  readonly endpoint: string;
  readonly tls: boolean;
  readonly tlsInsecure: boolean;
  readonly tlsCa?: string;
}

/** A server whose address is known. */
export class EndpointAccess implements ServerAccess {
  readonly takenFlags = [];
  readonly #endpoint: string;

  constructor({ env }: Pick<Terminal, 'env'>) {
    const fromEnv = env['ORBITMQ_ENDPOINT'];
    this.#endpoint = fromEnv === undefined || fromEnv === '' ? DEFAULT_ENDPOINT : fromEnv;
  }

  addOptions(command: Command): void {
    command
      .addOption(
        connection('--endpoint <host:port>', 'server to talk to [env: ORBITMQ_ENDPOINT]').default(
          this.#endpoint,
        ),
      )
      .addOption(connection('--tls', 'speak TLS').default(false))
      .addOption(connection('--tls-ca <file>', 'speak TLS and trust this issuer (PEM)'))
      .addOption(
        connection('--tls-insecure', 'speak TLS and accept any certificate').default(false),
      );
  }

  reach(options: ReachOptions): Promise<ReachedServer> {
    const { endpoint, tls, tlsInsecure, tlsCa, timeout } = options as EndpointOptions;
    const settings = { endpoint, tls, tlsInsecure, tlsCa, timeoutMs: timeout };
    return Promise.resolve({ settings, leave: () => Promise.resolve() });
  }
}

function connection(flags: string, description: string): Option {
  return new Option(flags, description).helpGroup('Connection:');
}
