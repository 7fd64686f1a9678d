/** The shape of a unary rpc of the MessagingService, and what all of them have in common. */
import { isMqError, MqError } from '../common/errors/mq-error.ts';
import { toStatus, type ProtocolStatus } from '../common/errors/status.ts';
import type { ServiceMethod } from '../common/rpc/service-table.ts';
import type { IStatus } from '../proto/generated/v2.ts';
import type { ClientContext } from './broker-access.ts';
import { CallClient } from './client-context.ts';
import type { Gateway } from './gateway.ts';

export interface UnaryRpc<Request, Response extends { status?: IStatus | null | undefined }> {
  readonly name: string;
  /** Throws when the bytes are not such a request. */
  decode(bytes: Buffer): Request;
  encode(response: Response): Uint8Array;
  /** The response that says that nothing was done, and why. */
  failure(status: IStatus): Response;
  /** Rejects with MqError for what it cannot do. */
  handle(request: Request, client: ClientContext, gateway: Gateway): Promise<Response>;
  /** Serve callers without x-mq-client-id. */
  readonly allowsAnonymous?: true;
}

export function unaryMethod<Request, Response extends { status?: IStatus | null | undefined }>(
  rpc: UnaryRpc<Request, Response>,
  gateway: Gateway,
): ServiceMethod {
  return {
    kind: 'unary',
    handle: async (bytes, call) => {
      const client = new CallClient(call);
      const { clock } = gateway.environment;
      const startMs = clock.monotonicMs();
      const response = await answer(rpc, bytes, client, gateway);
      gateway.onAnswered?.(rpc.name, response.status?.code ?? 0, clock.monotonicMs() - startMs);
      return rpc.encode(response);
    },
  };
}

async function answer<Request, Response extends { status?: IStatus | null | undefined }>(
  rpc: UnaryRpc<Request, Response>,
  bytes: Buffer,
  client: ClientContext,
  gateway: Gateway,
): Promise<Response> {
  try {
    if (rpc.allowsAnonymous !== true) requireClientId(client);
    const ticket = gateway.admission.enter(admissionKey(client), bytes.length);
    try {
      const request = decodeRequest(rpc.name, () => rpc.decode(bytes));
      return await rpc.handle(request, client, gateway);
    } finally {
      ticket.leave();
    }
  } catch (error) {
    return rpc.failure(statusFor(error, rpc.name, gateway));
  }
}

export function requireClientId(client: ClientContext): void {
  if (client.clientId === '') throw new MqError('client-id-required', {});
}

/** Whose share of the node a call uses up: the client's, or the connection's when it has no name. */
export function admissionKey(client: ClientContext): string {
  return client.clientId === '' ? client.peer : client.clientId;
}

export function decodeRequest<Request>(rpc: string, decode: () => Request): Request {
  try {
    return decode();
  } catch (error) {
    throw new MqError('request-malformed', { rpc, reason: messageOf(error) }, error);
  }
}

/** Total: whatever was thrown becomes a Status; what is not from the catalogue is reported. */
export function statusFor(error: unknown, where: string, gateway: Gateway): ProtocolStatus {
  if (!isMqError(error)) gateway.onUnexpected(where, error);
  else if (error.definition.protocol === 'TOO_MANY_REQUESTS') {
    gateway.onOverload?.(String(error.fields['what'] ?? error.code));
  }
  return toStatus(error);
}

function messageOf(error: unknown): string {
  const message: unknown =
    typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
  return String(message);
}
