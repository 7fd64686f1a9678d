import { MqError } from '../../common/errors/mq-error.ts';
import { STATUS_OK } from '../../common/errors/status.ts';
import {
  QueryRouteRequest,
  QueryRouteResponse,
  type IQueryRouteRequest,
  type IQueryRouteResponse,
} from '../../proto/generated/v2.ts';
import { requiredTopic } from '../names.ts';
import { routeQueues } from '../route.ts';
import type { UnaryRpc } from '../unary-rpc.ts';

export const queryRoute: UnaryRpc<IQueryRouteRequest, IQueryRouteResponse> = {
  name: 'QueryRoute',
  decode: (bytes) => QueryRouteRequest.decode(bytes),
  encode: (response) => QueryRouteResponse.encode(response).finish(),
  failure: (status) => ({ status }),
  async handle(request, client, gateway) {
    const topic = requiredTopic(request.topic, client, gateway.options);
    const routes = await gateway.cluster.routes(topic, client);
    // No route at all is an error; with OK and an empty list clients would drop what they have.
    if (routes.length === 0) throw new MqError('topic-not-found', { topic });
    return { status: STATUS_OK, messageQueues: routeQueues(request.topic ?? {}, routes) };
  },
};
