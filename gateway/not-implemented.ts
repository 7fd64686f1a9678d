import { statusOf } from '../common/errors/status.ts';
import type { ServiceMethod } from '../common/rpc/service-table.ts';
import type { IStatus } from '../proto/generated/v2.ts';

/** An rpc that exists in the protocol and not here yet: it says so in its own Status, as a response or as a stream of one. */
export function notImplementedMethod(
  name: string,
  kind: 'unary' | 'server-stream',
  encode: (response: { status: IStatus }) => Uint8Array,
): ServiceMethod {
  const bytes = encode({ status: statusOf('not-implemented', { what: name }) });
  if (kind === 'unary') return { kind, handle: () => Promise.resolve(bytes) };
  return {
    kind,
    handle: (_request, _call, send) => {
      void send(bytes);
      return Promise.resolve();
    },
  };
}
