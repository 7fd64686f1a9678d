import { STATUS_OK } from '../../../common/errors/status.ts';
import { MqError } from '../../../common/errors/mq-error.ts';
import type { ServiceMethod } from '../../../common/rpc/service-table.ts';
import type { IStatus } from '../../../proto/generated/v2.ts';
import type { BrokerServices } from '../broker-services.ts';

/** What pbjs generates for a message type, as far as a handler needs it. */
interface Codec<Decoded, Properties> {
  decode(bytes: Uint8Array): Decoded;
  encode(message: Properties): { finish(): Uint8Array };
}

interface AdminRpc<Request, Response> {
  readonly path: string;
  readonly request: Codec<Request, never>;
  readonly response: Codec<unknown, Response>;
}

/** A unary method of the Admin service: what the handler throws becomes the Status of the response. */
export function adminMethod<Request, Response extends { status?: IStatus | null | undefined }>(
  services: BrokerServices,
  rpc: AdminRpc<Request, Response>,
  handle: (request: Request) => Response | Promise<Response>,
): [string, ServiceMethod] {
  const answer = async (bytes: Buffer): Promise<Response> => {
    try {
      return { ...(await handle(decode(rpc, bytes))), status: STATUS_OK };
    } catch (error) {
      return { status: services.toStatus(rpc.path, error) } as Response;
    }
  };
  return [rpc.path, { kind: 'unary', handle: async (bytes) => rpc.response.encode(await answer(bytes)).finish() }];
}

function decode<Request>(rpc: AdminRpc<Request, never>, bytes: Buffer): Request {
  try {
    return rpc.request.decode(bytes);
  } catch (error) {
    throw new MqError('request-malformed', { rpc: rpc.path, reason: (error as Error).message });
  }
}
