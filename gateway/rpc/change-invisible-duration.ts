import { MqError } from '../../common/errors/mq-error.ts';
import { peekReceiptHandle } from '../../common/model/receipt-handle.ts';
import { backoffDelayMs } from '../../common/model/retry-policy.ts';
import {
  ChangeInvisibleDurationRequest,
  ChangeInvisibleDurationResponse,
  ClientType,
  type IChangeInvisibleDurationRequest,
  type IChangeInvisibleDurationResponse,
} from '../../proto/generated/v2.ts';
import type { ClientContext } from '../broker-access.ts';
import { fromMs, wholeMs } from '../durations.ts';
import type { Gateway } from '../gateway.ts';
import { handleOwner, isStatus } from '../handle-owner.ts';
import { fullResource, requiredGroup, requiredTopic } from '../names.ts';
import { isNode } from '../settings.ts';
import type { UnaryRpc } from '../unary-rpc.ts';

export const changeInvisibleDuration: UnaryRpc<
  IChangeInvisibleDurationRequest,
  IChangeInvisibleDurationResponse
> = {
  name: 'ChangeInvisibleDuration',
  decode: (bytes) => ChangeInvisibleDurationRequest.decode(bytes),
  encode: (response) => ChangeInvisibleDurationResponse.encode(response).finish(),
  failure: (status) => ({ status }),
  async handle(request, client, gateway) {
    const group = requiredGroup(request.group, client, gateway.options);
    const topic = requiredTopic(request.topic, client, gateway.options);
    const handle = request.receiptHandle ?? '';
    const maxMs = gateway.options.invisibleMaxMs;
    const givenMs = wholeMs(request.invisibleDuration);
    // Unlike a receive, a change may ask for 0: the message comes back at once.
    if (givenMs < 0 || givenMs > maxMs) {
      throw new MqError('invisible-time-illegal', { givenMs, minMs: 0, maxMs });
    }
    const owner = handleOwner(handle, gateway);
    // Go keeps the handle of the answer even when it is an error.
    if (isStatus(owner)) return { status: owner, receiptHandle: handle };
    const ms = Math.max(givenMs, await leastForNode(client, group, handle, gateway));
    return owner.changeInvisibleDuration(
      {
        ...request,
        group: fullResource(group),
        topic: fullResource(topic),
        invisibleDuration: fromMs(Math.min(ms, maxMs)),
      },
      client,
    );
  },
};

/**
 * Node's push consumer reads the seconds of its backoff policy and waits as many milliseconds, so that a failing message comes
 * back a thousand times too soon. For it the group's own policy is the least; a SimpleConsumer's wish is never touched.
 */
async function leastForNode(
  client: ClientContext,
  group: string,
  handle: string,
  gateway: Gateway,
): Promise<number> {
  if (!isNode(client.language)) return 0;
  const session = gateway.sessions.get(client.clientId);
  if (session?.clientType !== ClientType.PUSH_CONSUMER) return 0;
  const attempt = peekReceiptHandle(handle)?.attempt ?? 1;
  return backoffDelayMs((await gateway.cluster.group(group)).backoff, Math.max(attempt, 1));
}
