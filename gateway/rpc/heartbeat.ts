import { STATUS_OK } from '../../common/errors/status.ts';
import {
  ClientType,
  HeartbeatRequest,
  HeartbeatResponse,
  type IHeartbeatRequest,
  type IHeartbeatResponse,
} from '../../proto/generated/v2.ts';
import { requiredGroup } from '../names.ts';
import type { UnaryRpc } from '../unary-rpc.ts';

/** Go sends a heartbeat without any metadata after a hiccup of its stream and expects OK; then nobody is known to live. */
export const heartbeat: UnaryRpc<IHeartbeatRequest, IHeartbeatResponse> = {
  name: 'Heartbeat',
  allowsAnonymous: true,
  decode: (bytes) => HeartbeatRequest.decode(bytes),
  encode: (response) => HeartbeatResponse.encode(response).finish(),
  failure: (status) => ({ status }),
  async handle(request, client, gateway) {
    if (client.clientId === '') return { status: STATUS_OK };
    const type = request.clientType ?? ClientType.CLIENT_TYPE_UNSPECIFIED;
    const hasGroup = (request.group?.name ?? '') !== '';
    const group = hasGroup ? requiredGroup(request.group, client, gateway.options) : undefined;
    const session = gateway.sessions.open(client, type);
    session.group ??= group;
    for (const stream of session.streams) stream.clientStarted();
    gateway.sessions.announce(session);
    return { status: STATUS_OK };
  },
};
