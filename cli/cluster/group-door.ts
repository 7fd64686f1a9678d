import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Address } from '../../common/options/option-definition.ts';

/**
 * The advertised address of a broker group: leads every connection to the present master, as a Service of Kubernetes would.
 * When the master changes, connections to the old one are cut, so that clients connect again and arrive at the new one.
 */
export class GroupDoor {
  readonly #address: Address;
  readonly #server: Server;
  readonly #connections = new Map<Socket, Passage>();
  #target: Address | undefined;

  constructor(address: Address) {
    this.#address = address;
    this.#server = createServer({ noDelay: true }, (client) => this.#enter(client));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  async open(): Promise<void> {
    const { host, port } = this.#address;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** From now on the door leads there; undefined: nowhere, connections are refused and those that are open stay. */
  leadTo(target: Address | undefined): void {
    this.#target = target;
    if (target === undefined) return;
    for (const [client, passage] of this.#connections) {
      if (!isSame(passage.target, target)) client.destroy();
    }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const client of this.#connections.keys()) client.destroy();
    await closed;
  }

  #enter(client: Socket): void {
    const target = this.#target;
    if (target === undefined) {
      client.destroy();
      return;
    }
    const broker = connect({ ...target, noDelay: true });
    this.#connections.set(client, { target, broker });
    client.pipe(broker);
    broker.pipe(client);
    const end = (): void => {
      this.#connections.delete(client);
      client.destroy();
      broker.destroy();
    };
    // Whatever goes wrong on one side shows as the end of the connection on the other one.
    for (const socket of [client, broker]) socket.on('error', end).on('close', end);
  }
}

/** More than a node takes: see the option maxConnections. */
const CONNECTIONS_MAX = 20_000;

interface Passage {
  readonly target: Address;
  readonly broker: Socket;
}

function isSame(one: Address, other: Address): boolean {
  return one.host === other.host && one.port === other.port;
}
