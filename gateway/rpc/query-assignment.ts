import { MqError } from '../../common/errors/mq-error.ts';
import { STATUS_OK } from '../../common/errors/status.ts';
import {
  QueryAssignmentRequest,
  QueryAssignmentResponse,
  type IQueryAssignmentRequest,
  type IQueryAssignmentResponse,
} from '../../proto/generated/v2.ts';
import { assignments } from '../assignment.ts';
import { requiredGroup, requiredTopic } from '../names.ts';
import type { UnaryRpc } from '../unary-rpc.ts';

export const queryAssignment: UnaryRpc<IQueryAssignmentRequest, IQueryAssignmentResponse> = {
  name: 'QueryAssignment',
  decode: (bytes) => QueryAssignmentRequest.decode(bytes),
  encode: (response) => QueryAssignmentResponse.encode(response).finish(),
  failure: (status) => ({ status }),
  async handle(request, client, gateway) {
    const topic = requiredTopic(request.topic, client, gateway.options);
    const groupName = requiredGroup(request.group, client, gateway.options);
    const [routes, group] = await Promise.all([
      gateway.cluster.routes(topic, client),
      gateway.cluster.group(groupName),
    ]);
    if (routes.length === 0) throw new MqError('topic-not-found', { topic });
    const result = assignments(request.topic ?? {}, routes, group.ordered);
    // An error keeps a client's process queues; an empty list with OK would drop them.
    if (result.length === 0) {
      throw new MqError('forbidden', { action: 'receive', resource: `topic ${topic}` });
    }
    return { status: STATUS_OK, assignments: result };
  },
};
