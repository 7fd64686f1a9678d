import {
  ForwardMessageToDeadLetterQueueRequest,
  ForwardMessageToDeadLetterQueueResponse,
  type IForwardMessageToDeadLetterQueueRequest,
  type IForwardMessageToDeadLetterQueueResponse,
} from '../../proto/generated/v2.ts';
import { handleOwner, isStatus } from '../handle-owner.ts';
import { fullResource, requiredGroup, requiredTopic } from '../names.ts';
import type { UnaryRpc } from '../unary-rpc.ts';

export const forwardMessageToDeadLetterQueue: UnaryRpc<
  IForwardMessageToDeadLetterQueueRequest,
  IForwardMessageToDeadLetterQueueResponse
> = {
  name: 'ForwardMessageToDeadLetterQueue',
  decode: (bytes) => ForwardMessageToDeadLetterQueueRequest.decode(bytes),
  encode: (response) => ForwardMessageToDeadLetterQueueResponse.encode(response).finish(),
  failure: (status) => ({ status }),
  async handle(request, client, gateway) {
    const group = requiredGroup(request.group, client, gateway.options);
    const topic = requiredTopic(request.topic, client, gateway.options);
    const owner = handleOwner(request.receiptHandle ?? '', gateway);
    if (isStatus(owner)) return { status: owner };
    return owner.forwardMessageToDeadLetterQueue(
      { ...request, group: fullResource(group), topic: fullResource(topic) },
      client,
    );
  },
};
