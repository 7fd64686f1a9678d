/** apache.rocketmq.v2.MessagingService as a table of handlers: one file for each rpc. */
import type { ServiceMethod, ServiceTable } from '../common/rpc/service-table.ts';
import { MessagingServiceMethods } from '../proto/generated/v2.ts';
import type { Gateway } from './gateway.ts';
import { ackMessage } from './rpc/ack-message.ts';
import { changeInvisibleDuration } from './rpc/change-invisible-duration.ts';
import { endTransaction } from './rpc/end-transaction.ts';
import { forwardMessageToDeadLetterQueue } from './rpc/forward-message-to-dead-letter-queue.ts';
import { getOffset } from './rpc/get-offset.ts';
import { heartbeat } from './rpc/heartbeat.ts';
import { notifyClientTermination } from './rpc/notify-client-termination.ts';
import { pullMessage } from './rpc/pull-message.ts';
import { queryAssignment } from './rpc/query-assignment.ts';
import { queryOffset } from './rpc/query-offset.ts';
import { queryRoute } from './rpc/query-route.ts';
import { recallMessage } from './rpc/recall-message.ts';
import { receiveMessage } from './rpc/receive-message.ts';
import { sendMessage } from './rpc/send-message.ts';
import { syncLiteSubscription } from './rpc/sync-lite-subscription.ts';
import { telemetry } from './rpc/telemetry.ts';
import { updateOffset } from './rpc/update-offset.ts';
import { unaryMethod } from './unary-rpc.ts';

type RpcName = keyof typeof MessagingServiceMethods;

export function messagingService(gateway: Gateway): ServiceTable {
  const methods: Readonly<Record<RpcName, ServiceMethod>> = {
    QueryRoute: unaryMethod(queryRoute, gateway),
    Heartbeat: unaryMethod(heartbeat, gateway),
    SendMessage: unaryMethod(sendMessage, gateway),
    QueryAssignment: unaryMethod(queryAssignment, gateway),
    ReceiveMessage: receiveMessage(gateway),
    AckMessage: unaryMethod(ackMessage, gateway),
    ForwardMessageToDeadLetterQueue: unaryMethod(forwardMessageToDeadLetterQueue, gateway),
    PullMessage: pullMessage,
    UpdateOffset: updateOffset,
    GetOffset: getOffset,
    QueryOffset: queryOffset,
    EndTransaction: endTransaction,
    Telemetry: telemetry(gateway),
    NotifyClientTermination: unaryMethod(notifyClientTermination, gateway),
    ChangeInvisibleDuration: unaryMethod(changeInvisibleDuration, gateway),
    RecallMessage: recallMessage,
    SyncLiteSubscription: syncLiteSubscription,
  };
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      MessagingServiceMethods[name as RpcName].path,
      method,
    ]),
  );
}
