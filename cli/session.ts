import { randomBytes } from 'node:crypto';
import type { CliContext } from './cli-context.ts';
import { endpointSettings, type ClientOptions } from './client-options.ts';
import type { AdminClient } from './client/admin-client.ts';
import type { MessagingClient } from './client/messaging-client.ts';

/**
 * Runs one command against a server and closes the connection after it, also when it fails. The client code is loaded only
 * here: gRPC and protobuf take longer to load than `--help` to print.
 */
export async function withAdmin<Result>(
  options: ClientOptions,
  work: (admin: AdminClient) => Promise<Result>,
): Promise<Result> {
  const [{ Connection }, { AdminClient }] = await Promise.all([
    import('./client/connection.ts'),
    import('./client/admin-client.ts'),
  ]);
  const connection = new Connection(endpointSettings(options));
  try {
    return await work(new AdminClient(connection));
  } finally {
    connection.close();
  }
}

export async function withMessaging<Result>(
  context: CliContext,
  options: ClientOptions,
  work: (client: MessagingClient) => Promise<Result>,
): Promise<Result> {
  const client = await openMessaging(context, options);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** For callers that need several; each has a connection of its own and must be closed. */
export async function openMessaging(
  { version }: CliContext,
  options: ClientOptions,
): Promise<MessagingClient> {
  const [{ Connection }, { MessagingClient }] = await Promise.all([
    import('./client/connection.ts'),
    import('./client/messaging-client.ts'),
  ]);
  return new MessagingClient(new Connection(endpointSettings(options)), version, randomBytes(4));
}
