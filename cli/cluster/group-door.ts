import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Address } from '../../common/options/option-definition.ts';
import { isSameAddress } from '../../common/options/parse-value.ts';

/**
 * The advertised address of a broker group: leads every new connection to the present master, as a Service of Kubernetes would.
 * When the master changes, connections to an old one that lives on stay, since it passes on what comes; those to one that
 * hangs or is cut off are cut, so that clients connect again and arrive at the new one.
 */
export class GroupDoor {
  readonly #address: Address;
  readonly #server: Server;
  readonly #connections = new Map<Socket, Passage>();
  #targets: readonly Address[] = [];
  /** Who came after a connection broke, and waits for the news; undefined: nobody has to wait. */
  #waiting: (() => void)[] | undefined;

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

  /**
   * From now on the door leads to the first of these, or to the next one that can be connected to. Without any it leads
   * nowhere: connections are refused. Those that are open stay.
   */
  leadTo(targets: readonly Address[]): void {
    this.#targets = targets;
    this.#letIn();
  }

  /** Ends what leads to any other place than one of these. */
  cutAllBut(kept: readonly Address[]): void {
    for (const [client, { target }] of this.#connections) {
      if (target !== undefined && !kept.some((address) => isSameAddress(address, target)))
        client.destroy();
    }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#letIn();
    for (const client of this.#connections.keys()) client.destroy();
    await closed;
  }

  #enter(client: Socket): void {
    const passage: Passage = { target: undefined, broker: undefined };
    this.#connections.set(client, passage);
    const end = (): void => {
      this.#connections.delete(client);
      client.destroy();
      passage.broker?.destroy();
    };
    client.on('error', end).on('close', end);
    const pass = (): void => this.#pass(client, passage, this.#targets, end);
    if (this.#waiting === undefined) pass();
    else this.#waiting.push(pass);
  }

  /**
   * The member has ended a connection. If its process is ending, its port still takes connections for a moment, to drop them: a
   * client whose second attempt fails as well waits a second for its third one. So the news of the end goes first.
   */
  #onBroken(): void {
    if (this.#waiting !== undefined) return;
    this.#waiting = [];
    setTimeout(() => this.#letIn(), NEWS_MS).unref();
  }

  #letIn(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const pass of waiting) pass();
  }

  #pass(
    client: Socket,
    passage: Passage,
    [target, ...others]: readonly Address[],
    end: () => void,
  ): void {
    if (target === undefined || client.destroyed) {
      end();
      return;
    }
    const broker = connect({ ...target, noDelay: true });
    Object.assign(passage, { target, broker });
    const next = (): void => this.#pass(client, passage, others, end);
    broker.once('error', next).once('connect', () => {
      broker.off('error', next);
      // Whatever goes wrong on one side shows as the end of the connection on the other one.
      const broken = (): void => {
        if (!client.destroyed) this.#onBroken();
      };
      broker.on('end', broken);
      for (const event of ['error', 'close']) broker.on(event, broken).on(event, end);
      client.pipe(broker);
      broker.pipe(client);
    });
  }
}

/** More than a node takes: see the option maxConnections. */
const CONNECTIONS_MAX = 20_000;

/** Longer than the system takes to tell that a process has ended. */
const NEWS_MS = 100;

interface Passage {
  /** Where it leads, or tries to; undefined: nowhere yet. */
  readonly target: Address | undefined;
  readonly broker: Socket | undefined;
}
