import { createServer } from 'node:net';

/**
 * A TCP port of 127.0.0.1 that nobody listens on. It is released before it is returned, so another process may take it:
 * whoever starts a server on it must be ready to try again.
 */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}
