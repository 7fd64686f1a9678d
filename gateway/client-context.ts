import type { CallContext } from '../common/rpc/service-table.ts';
import type { ClientContext } from './broker-access.ts';

const EXTRA_CHARACTERS = 512;

/** The caller as its metadata describes it, read when asked for. */
export class CallClient implements ClientContext {
  readonly clientId: string;
  readonly #call: CallContext;

  constructor(call: CallContext) {
    this.#call = call;
    // Bounded: it is a key in tables and appears in logs. An id cut short still tells clients apart.
    this.clientId = (call.metadata('x-mq-client-id') ?? '').slice(0, EXTRA_CHARACTERS);
  }

  get language(): string {
    return (this.#call.metadata('x-mq-language') ?? '').slice(0, EXTRA_CHARACTERS).toUpperCase();
  }

  get clientVersion(): string {
    return (this.#call.metadata('x-mq-client-version') ?? '').slice(0, EXTRA_CHARACTERS);
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
