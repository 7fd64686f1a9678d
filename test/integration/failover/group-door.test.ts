import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { GroupDoor } from '../../../cli/cluster/group-door.ts';
import { freePort } from '../../support/free-port.ts';
import { within } from '../../support/wait-for.ts';

const HOST = '127.0.0.1';
const LIMIT_MS = 5_000;
const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A server that greets with its name and echoes what it gets. */
async function member(name: string): Promise<{ host: string; port: number }> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).write(name);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: HOST, port };
}

async function openDoor(): Promise<{ door: GroupDoor; port: number }> {
  const port = await freePort();
  const door = new GroupDoor({ host: HOST, port });
  await door.open();
  cleanups.push(() => door.close());
  return { door, port };
}

async function enter(port: number): Promise<Socket> {
  const socket = connect({ host: HOST, port });
  socket.on('error', () => undefined);
  cleanups.push(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const greeting = async (socket: Socket): Promise<string> =>
  String(await within('a greeting', LIMIT_MS, once(socket, 'data')));
const closed = (socket: Socket): Promise<unknown> =>
  within('the end', LIMIT_MS, once(socket, 'close'));

describe('the door of a group', () => {
  it('leads to the master and passes bytes both ways', async () => {
    const { door, port } = await openDoor();
    door.leadTo([await member('one')]);
    const client = await enter(port);
    expect(await greeting(client)).toBe('one');
    client.write('ping');
    expect(await greeting(client)).toBe('ping');
  });

  it('leads who comes to the new master, and keeps what leads to the old one', async () => {
    const { door, port } = await openDoor();
    const [one, two] = [await member('one'), await member('two')];
    door.leadTo([one]);
    const client = await enter(port);
    await greeting(client);
    door.leadTo([two]);
    door.cutAllBut([two, { ...one }]);
    expect(await greeting(await enter(port))).toBe('two');
    client.write('still');
    expect(await greeting(client)).toBe('still');
  });

  it('cuts what leads to a member that is of no use any more', async () => {
    const { door, port } = await openDoor();
    door.leadTo([await member('one')]);
    const client = await enter(port);
    await greeting(client);
    const two = await member('two');
    door.leadTo([two]);
    door.cutAllBut([two]);
    await closed(client);
  });

  it('leaves connections alone when it is led to the same master again, or nowhere', async () => {
    const { door, port } = await openDoor();
    const one = await member('one');
    door.leadTo([one]);
    const client = await enter(port);
    await greeting(client);
    door.leadTo([{ ...one }]);
    door.leadTo([]);
    client.write('still');
    expect(await greeting(client)).toBe('still');
  });

  it('leads to the next one when the first cannot be connected to', async () => {
    const { door, port } = await openDoor();
    door.leadTo([{ host: HOST, port: await freePort() }, await member('two')]);
    expect(await greeting(await enter(port))).toBe('two');
  });

  it('lets the news of a master that has ended go before who comes back', async () => {
    const { door, port } = await openDoor();
    const one = createServer((socket) => socket.on('error', () => undefined).destroy());
    const address = { host: HOST, port: await freePort() };
    await new Promise<void>((resolve) => one.listen(address.port, HOST, resolve));
    cleanups.push(() => void one.close());
    const two = await member('two');
    door.leadTo([address]);
    await closed(await enter(port));
    const client = await enter(port);
    door.leadTo([two]);
    expect(await greeting(client)).toBe('two');
  });

  it('turns away who comes while it leads nowhere', async () => {
    const { port } = await openDoor();
    await closed(await enter(port));
  });

  it('ends a connection whose master is gone, and forgets it', async () => {
    const { door, port } = await openDoor();
    door.leadTo([{ host: HOST, port: await freePort() }]);
    await closed(await enter(port));
    expect(door.connectionCount).toBe(0);
  });
});
