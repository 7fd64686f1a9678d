import { createServer } from 'node:net';
import { MqError } from '../../common/errors/mq-error.ts';

const HOST = '127.0.0.1';

/**
 * Ports for a cluster: from `basePort` on, all of which must be free, or with 0 whatever the system gives. They are released
 * before they are returned; another process could take one in between, and then the node says so.
 */
export async function freePorts(basePort: number, count: number): Promise<readonly number[]> {
  const held: { port: number; release: () => Promise<void> }[] = [];
  try {
    for (let index = 0; index < count; index++) {
      // Held until all are there, or the system might give one twice.
      held.push(await hold(basePort === 0 ? 0 : basePort + index));
    }
    return held.map(({ port }) => port);
  } finally {
    await Promise.all(held.map(({ release }) => release()));
  }
}

async function hold(port: number): Promise<{ port: number; release: () => Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE' || error.code === 'EACCES';
      const address = `${HOST}:${port}`;
      reject(isTaken ? new MqError('cluster-port-taken', { address }, error) : error);
    });
    server.listen(port, HOST, resolve);
  });
  const address = server.address();
  const release = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return { port: typeof address === 'object' && address !== null ? address.port : port, release };
}
