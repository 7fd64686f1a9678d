import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { pipeline, type Duplex } from 'node:stream';
import type { Address } from '../../common/options/option-definition.ts';

const HOST = '127.0.0.1';

/** A port of this machine that leads to a port of a pod: each connection is a port-forward of its own. */
export class PodTunnel {
  readonly #server: Server;
  readonly #open: () => Promise<Duplex>;
  /** Opened before anybody connects, so that whoever wants the tunnel hears why there is none. */
  #first: Duplex | undefined;
  readonly #ends = new Set<Duplex>();

  private constructor(open: () => Promise<Duplex>, first: Duplex) {
    this.#open = open;
    this.#first = first;
    this.#keep(first);
    this.#server = createServer((socket) => void this.#join(socket));
  }

  /** Rejects as `open` does. */
  static async create(open: () => Promise<Duplex>): Promise<PodTunnel> {
    const tunnel = new PodTunnel(open, await open());
    await new Promise<void>((resolve, reject) => {
      tunnel.#server.once('error', reject);
      tunnel.#server.listen(0, HOST, resolve);
    });
    return tunnel;
  }

  get address(): Address {
    return { host: HOST, port: (this.#server.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    for (const end of this.#ends) end.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #join(socket: Socket): Promise<void> {
    this.#keep(socket);
    const first = this.#first;
    this.#first = undefined;
    try {
      const way = first === undefined || first.destroyed ? this.#keep(await this.#open()) : first;
      // Whatever ends one end, ends the other: who uses the connection sees it, and says so.
      pipeline(socket, way, socket, () => undefined);
    } catch {
      socket.destroy(); // seen by who connected, as a server that hangs up
    }
  }

  #keep<End extends Duplex>(end: End): End {
    this.#ends.add(end);
    end.once('close', () => this.#ends.delete(end));
    // Without a listener an error would end the process; it is seen at the other end.
    end.on('error', () => undefined);
    return end;
  }
}
