import { FORWARDED_HEADER } from '../common/rpc/peer-guard.ts';
import type { CallContext } from '../common/rpc/service-table.ts';
import type { ClientContext } from './broker-access.ts';

/** Longest piece of metadata that is kept: it may be a key in tables and appears in logs. */
const CHARACTERS_MAX = 512;

export function isForwarded(client: Pick<ClientContext, 'metadata'>): boolean {
  return client.metadata(FORWARDED_HEADER) !== undefined;
}

/** How often a request was passed on before it came here; whoever writes nonsense has passed it on too often. */
export function hopsOf(client: Pick<ClientContext, 'metadata'>): number {
  const text = client.metadata(FORWARDED_HEADER);
  if (text === undefined) return 0;
  return /^[1-9]$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}

/** The caller as its metadata describes it, read when asked for. */
export class CallClient implements ClientContext {
  readonly clientId: string;
  readonly #call: CallContext;

  constructor(call: CallContext) {
    this.#call = call;
    // An id cut short still tells clients apart.
    this.clientId = (call.metadata('x-mq-client-id') ?? '').slice(0, CHARACTERS_MAX);
  }

  get language(): string {
    return (this.#call.metadata('x-mq-language') ?? '').slice(0, CHARACTERS_MAX).toUpperCase();
  }

  get clientVersion(): string {
    return (this.#call.metadata('x-mq-client-version') ?? '').slice(0, CHARACTERS_MAX);
  }

  get namespace(): string {
    return this.#call.metadata('x-mq-namespace') ?? '';
  }

  get peer(): string {
    return this.#call.peer;
  }

  get remainingMs(): number | undefined {
    return this.#call.deadlineMs;
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }

  metadata(name: string): string | undefined {
    return this.#call.metadata(name);
  }
}
