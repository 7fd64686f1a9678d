import { STATUS_OK } from '../../common/errors/status.ts';
import {
  NotifyClientTerminationRequest,
  NotifyClientTerminationResponse,
  type INotifyClientTerminationRequest,
  type INotifyClientTerminationResponse,
} from '../../proto/generated/v2.ts';
import { isForwarded } from '../client-context.ts';
import type { UnaryRpc } from '../unary-rpc.ts';

export const notifyClientTermination: UnaryRpc<
  INotifyClientTerminationRequest,
  INotifyClientTerminationResponse
> = {
  name: 'NotifyClientTermination',
  decode: (bytes) => NotifyClientTerminationRequest.decode(bytes),
  encode: (response) => NotifyClientTerminationResponse.encode(response).finish(),
  failure: (status) => ({ status }),
  async handle(_request, client, gateway) {
    gateway.sessions.remove(client.clientId, isForwarded(client));
    return { status: STATUS_OK };
  },
};
