/**
 * Finds the master for one request at a member of a group: the broker of this process, another member, or nobody for the
 * moment; then the request is held until that changes. Bounds: a request is passed on between members at most twice; it is
 * held for a bounded time, and so many at once.
 */
import type { Environment } from '../../common/environment/environment.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import type { Address } from '../../common/options/option-definition.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import type { BrokerAccess } from '../../gateway/broker-access.ts';
import type { GroupLeadership } from './group-leadership.ts';
import { GroupLinks, type MemberLink } from './group-links.ts';

/** A NameServer that is behind the times passes a request to a former master, and that one to the present one. */
const HOPS_MAX = 2;

export interface GroupRoutingPorts {
  readonly brokerName: string;
  readonly leadership: GroupLeadership;
  readonly options: Pick<NodeOptions, 'masterWaitMs' | 'maxHeldRequests'>;
  readonly environment: Pick<Environment, 'clock' | 'timers'>;
  readonly connect: (address: Address, inboundMessageBytesMax: number) => RpcChannel;
}

export type Target =
  | { readonly kind: 'local'; readonly access: BrokerAccess }
  | { readonly kind: 'remote'; readonly access: BrokerAccess; readonly link: MemberLink };

/** How a held request ends. */
export type HoldEnd = 'changed' | 'time-is-up' | 'too-many' | 'caller-gone';

export class GroupRouting {
  readonly ports: GroupRoutingPorts;
  readonly #links: GroupLinks;
  /** Woken by every change; bounded by `maxHeldRequests`, the receives that were admitted, and the calls under way. */
  readonly #listeners = new Set<() => void>();
  readonly #unsubscribe: () => void;
  #held = 0;

  constructor(ports: GroupRoutingPorts) {
    this.ports = ports;
    this.#links = new GroupLinks(ports.brokerName, ports.connect);
    this.#unsubscribe = ports.leadership.onChange(() => {
      this.#changed();
    });
  }

  /** Requests held now, receives not counted. */
  get held(): number {
    return this.#held;
  }

  /** Open channels to other members. */
  get linkCount(): number {
    return this.#links.count;
  }

  /** Undefined: nobody is the master now. Throws `no-master` when the request has been passed on often enough. */
  target(hops: number): Target | undefined {
    const { leadership, brokerName } = this.ports;
    const local = leadership.local();
    if (local !== undefined) return { kind: 'local', access: local };
    const master = leadership.master();
    if (master === undefined) return undefined;
    if (hops >= HOPS_MAX) {
      const reason = `member ${master.name} of ${brokerName} is the master now`;
      throw new MqError('no-master', { reason });
    }
    const link = this.#links.to(master);
    return { kind: 'remote', access: link.access, link };
  }

  /** Whether somebody else is known to be the master now. */
  hasMoved(target: Target): boolean {
    const { leadership } = this.ports;
    const local = leadership.local();
    if (target.kind === 'local') return local !== target.access;
    if (local !== undefined) return true;
    const master = leadership.master();
    return master !== undefined && formatAddress(master.address) !== target.link.address;
  }

  /** Runs `listener` after each change; the result takes it back. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Waits for a change, `timeoutMs` at most. `isCounted`: against `maxHeldRequests`. */
  async hold(timeoutMs: number, signal: AbortSignal, isCounted: boolean): Promise<HoldEnd> {
    if (signal.aborted) return 'caller-gone';
    if (timeoutMs <= 0) return 'time-is-up';
    if (!isCounted) return this.#wait(timeoutMs, signal);
    if (this.#held >= this.ports.options.maxHeldRequests) return 'too-many';
    this.#held += 1;
    try {
      return await this.#wait(timeoutMs, signal);
    } finally {
      this.#held -= 1;
    }
  }

  close(): void {
    this.#unsubscribe();
    this.#changed();
    this.#links.keepOnly(undefined);
  }

  #wait(timeoutMs: number, signal: AbortSignal): Promise<HoldEnd> {
    return new Promise((resolve) => {
      const end = (how: HoldEnd): void => {
        timer.cancel();
        release();
        signal.removeEventListener('abort', onAbort);
        resolve(how);
      };
      const onAbort = (): void => {
        end('caller-gone');
      };
      const timer = this.ports.environment.timers.after(timeoutMs, () => {
        end('time-is-up');
      });
      const release = this.onChange(() => {
        end('changed');
      });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #changed(): void {
    const { leadership } = this.ports;
    // First the calls that move on, then the channels that nobody needs any more.
    for (const listener of [...this.#listeners]) listener();
    const master = leadership.master();
    if (leadership.local() !== undefined) this.#links.keepOnly(undefined);
    else if (master !== undefined) this.#links.keepOnly(master);
  }
}
