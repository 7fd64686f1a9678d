import { MqError } from '../../common/errors/mq-error.ts';
import { STATUS_OK, type ProtocolStatus } from '../../common/errors/status.ts';
import type { ServiceMethod } from '../../common/rpc/service-table.ts';
import type { IStatus } from '../../proto/generated/v2.ts';

/** What pbjs generates for a message type, as far as a handler needs it. */
interface Codec<Decoded, Properties> {
  decode(bytes: Uint8Array): Decoded;
  encode(message: Properties): { finish(): Uint8Array };
}

/** Status of anything thrown; what is not of the catalogue is logged as our bug. */
interface Failures {
  toStatus(where: string, error: unknown): ProtocolStatus;
}

interface AdminRpc<Request, Response> {
  readonly path: string;
  readonly request: Codec<Request, never>;
  readonly response: Codec<unknown, Response>;
}

/** A unary method of the Admin service: what the handler throws becomes the Status of the response, OK is implied. */
export function adminMethod<Request, Response extends { status?: IStatus | null | undefined }>(
  failures: Failures,
  rpc: AdminRpc<Request, Response>,
  handle: (request: Request) => Response | Promise<Response>,
): [string, ServiceMethod] {
  const answer = async (bytes: Buffer): Promise<Response> => {
    try {
      return { status: STATUS_OK, ...(await handle(decode(rpc, bytes))) };
    } catch (error) {
      return { status: failures.toStatus(rpc.path, error) } as Response;
    }
  };
  return [
    rpc.path,
    { kind: 'unary', handle: async (bytes) => rpc.response.encode(await answer(bytes)).finish() },
  ];
}

function decode<Request>(rpc: AdminRpc<Request, never>, bytes: Buffer): Request {
  try {
    return rpc.request.decode(bytes);
  } catch (error) {
    throw new MqError('request-malformed', { rpc: rpc.path, reason: (error as Error).message });
  }
}
