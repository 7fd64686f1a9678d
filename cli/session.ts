import { randomBytes } from 'node:crypto';
import type { CliContext } from './cli-context.ts';
import type { ClientOptions } from './client-options.ts';
import type { AdminClient } from './client/admin-client.ts';
import type { MessagingClient } from './client/messaging-client.ts';

/**
 * Runs one command against a server and closes the connection after it, also when it fails. The client code is loaded only
 * here: gRPC and protobuf take longer to load than `--help` to print.
 */
export async function withAdmin<Result>(
  { servers }: CliContext,
  options: ClientOptions,
  work: (admin: AdminClient) => Promise<Result>,
): Promise<Result> {
  const [{ Connection }, { AdminClient }] = await Promise.all([
    import('./client/connection.ts'),
    import('./client/admin-client.ts'),
  ]);
  const server = await servers.reach(options);
  const connection = new Connection(server.settings);
  try {
    return await work(new AdminClient(connection));
  } finally {
    connection.close();
    await server.leave();
  }
}

/** `work` may open several; each has a connection of its own, and all are closed after it. */
export async function withMessaging<Result>(
  { servers, version }: CliContext,
  options: ClientOptions,
  work: (client: MessagingClient, openAnother: () => MessagingClient) => Promise<Result>,
): Promise<Result> {
  const [{ Connection }, { MessagingClient }] = await Promise.all([
    import('./client/connection.ts'),
    import('./client/messaging-client.ts'),
  ]);
  const server = await servers.reach(options);
  const clients: MessagingClient[] = [];
  const open = (): MessagingClient => {
    const connection = new Connection(server.settings);
    const client = new MessagingClient(connection, version, randomBytes(4));
    clients.push(client);
    return client;
  };
  try {
    return await work(open(), open);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await server.leave();
  }
}
