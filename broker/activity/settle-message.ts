/** AckMessage, ChangeInvisibleDuration and ForwardMessageToDeadLetterQueue: the three ends of a delivery. */
import { MqError } from '../../common/errors/mq-error.ts';
import { STATUS_OK } from '../../common/errors/status.ts';
import type { ReceiptHandle } from '../../common/model/receipt-handle.ts';
import type { ClientContext } from '../../gateway/broker-access.ts';
import { combinedStatus } from '../../gateway/combined-status.ts';
import { wholeMs } from '../../gateway/durations.ts';
import type {
  IAckMessageEntry,
  IAckMessageRequest,
  IAckMessageResponse,
  IAckMessageResultEntry,
  IChangeInvisibleDurationRequest,
  IChangeInvisibleDurationResponse,
  IForwardMessageToDeadLetterQueueRequest,
  IForwardMessageToDeadLetterQueueResponse,
} from '../../proto/generated/v2.ts';
import type { BrokerServices } from './broker-services.ts';

export async function ackMessage(
  services: BrokerServices,
  request: IAckMessageRequest,
  client: ClientContext,
): Promise<IAckMessageResponse> {
  services.clients.touch(client.clientId);
  const entries = await Promise.all(
    (request.entries ?? []).map((entry) => ackOne(services, request, entry)),
  );
  return { status: combinedStatus(entries), entries };
}

async function ackOne(
  services: BrokerServices,
  request: IAckMessageRequest,
  entry: IAckMessageEntry,
): Promise<IAckMessageResultEntry> {
  const receiptHandle = entry.receiptHandle ?? '';
  const messageId = entry.messageId ?? '';
  try {
    const handle = openReceipt(services, receiptHandle, request.group?.name, request.topic?.name);
    await services.confirmed(services.settler.acknowledge(handle));
    return { messageId, receiptHandle, status: STATUS_OK };
  } catch (error) {
    return { messageId, receiptHandle, status: services.toStatus('AckMessage', error) };
  }
}

/** The handle stays good, and is returned: clients keep what they get. */
export async function changeInvisibleDuration(
  services: BrokerServices,
  request: IChangeInvisibleDurationRequest,
  client: ClientContext,
): Promise<IChangeInvisibleDurationResponse> {
  services.clients.touch(client.clientId);
  const receiptHandle = request.receiptHandle ?? '';
  const handle = openReceipt(services, receiptHandle, request.group?.name, request.topic?.name);
  await services.settler.postpone(handle, Math.max(0, wholeMs(request.invisibleDuration)));
  return { status: STATUS_OK, receiptHandle };
}

export async function forwardMessageToDeadLetterQueue(
  services: BrokerServices,
  request: IForwardMessageToDeadLetterQueueRequest,
  client: ClientContext,
): Promise<IForwardMessageToDeadLetterQueueResponse> {
  services.clients.touch(client.clientId);
  const handle = openReceipt(
    services,
    request.receiptHandle ?? '',
    request.group?.name,
    request.topic?.name,
  );
  await services.settler.bury(handle);
  return { status: STATUS_OK };
}

/** The handle behind the text, if it is ours and belongs to the group and topic that the caller names. */
function openReceipt(
  services: BrokerServices,
  text: string,
  groupName: string | undefined | null,
  topicName: string | undefined | null,
): ReceiptHandle {
  const decoded = services.receipts.decode(text);
  if (!decoded.ok) throw new MqError('receipt-handle-invalid', { reason: `is ${decoded.reason}` });
  const { handle } = decoded;
  if (handle.brokerName !== services.options.brokerName) {
    throw new MqError('receipt-handle-invalid', {
      reason: `belongs to broker ${handle.brokerName}`,
    });
  }
  const standing = services.state.standing(handle.groupId, handle.topicId);
  if (standing?.group.config.name !== groupName || standing?.topic.config.name !== topicName) {
    throw new MqError('receipt-handle-invalid', { reason: 'belongs to another group or topic' });
  }
  return handle;
}
