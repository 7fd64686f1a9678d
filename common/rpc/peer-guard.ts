/** The door between nodes: which calls only a node of the cluster may make, and what happens to others. */
import { RpcError } from './rpc-error.ts';
import type { BidiListener, CallContext, ServiceMethod, ServiceTable } from './service-table.ts';
import type { PeerVerifier } from './peer-signature.ts';

/**
 * Metadata of a request that a node passes on for a client: how often that has happened. Who receives it tells nobody else
 * what concerns all brokers, and passes it on no more than once again, so that nothing goes round in circles.
 */
export const FORWARDED_HEADER = 'x-orbitmq-forwarded';

/** Services that nobody but another node has any business with. */
const NODE_SERVICES = ['Replication', 'Member', 'NameServer', 'FailoverController'].map(
  (service) => `/orbitmq.v1.${service}/`,
);

export interface PeerGuard {
  /** Undefined: no secret is configured, and nobody has to sign. */
  readonly verifier: PeerVerifier | undefined;
  /** Whether calls between nodes must come over TLS. */
  readonly requiresTls: boolean;
  onRefused(call: CallContext, reason: string): void;
}

/**
 * The same services behind the door: those of nodes, and requests of clients that claim to be forwarded, need a signature.
 * Requests that clients make themselves pass.
 */
export function guarded(table: ServiceTable, guard: PeerGuard): ServiceTable {
  if (guard.verifier === undefined && !guard.requiresTls) return table;
  return Object.fromEntries(
    Object.entries(table).map(([path, method]) => {
      const isOfNodes = NODE_SERVICES.some((service) => path.startsWith(service));
      return [path, guardedMethod(method, (call) => refusalOf(call, isOfNodes, guard))];
    }),
  );
}

function refusalOf(call: CallContext, isOfNodes: boolean, guard: PeerGuard): RpcError | undefined {
  if (!isOfNodes && call.metadata(FORWARDED_HEADER) === undefined) return undefined;
  const reason = reasonToRefuse(call, isOfNodes, guard);
  if (reason === undefined) return undefined;
  guard.onRefused(call, reason);
  return new RpcError('unauthenticated', `${call.method} is for nodes of this cluster: ${reason}`);
}

function reasonToRefuse(
  call: CallContext,
  isOfNodes: boolean,
  { verifier, requiresTls }: PeerGuard,
): string | undefined {
  if (requiresTls && !call.isTls) return 'it came without TLS, and peer-tls is on here';
  // A forwarded request repeated by a stranger is no more than the stranger could ask as a client.
  const verdict = verifier?.verify(call, { once: isOfNodes });
  return verdict === undefined || verdict.ok ? undefined : verdict.reason;
}

function guardedMethod(
  method: ServiceMethod,
  refusal: (call: CallContext) => RpcError | undefined,
): ServiceMethod {
  switch (method.kind) {
    case 'unary':
      return {
        kind: 'unary',
        handle: (request, call) => {
          const refused = refusal(call);
          return refused === undefined ? method.handle(request, call) : Promise.reject(refused);
        },
      };
    case 'server-stream':
      return {
        kind: 'server-stream',
        handle: (request, call, send) => {
          const refused = refusal(call);
          return refused === undefined
            ? method.handle(request, call, send)
            : Promise.reject(refused);
        },
      };
    case 'bidi':
      return {
        kind: 'bidi',
        handle: (call, stream) => {
          const refused = refusal(call);
          if (refused === undefined) return method.handle(call, stream);
          stream.end(refused);
          return DEAF;
        },
      };
  }
}

/** Hears what is still under way on a stream that has been refused. */
const DEAF: BidiListener = {
  message: () => undefined,
  halfClosed: () => undefined,
  closed: () => undefined,
};
