import { MqError } from '../../common/errors/mq-error.ts';
import {
  AckMessageRequest,
  AckMessageResponse,
  type IAckMessageEntry,
  type IAckMessageRequest,
  type IAckMessageResponse,
  type IAckMessageResultEntry,
  type IStatus,
} from '../../proto/generated/v2.ts';
import type { BrokerAccess, ClientContext } from '../broker-access.ts';
import { combinedStatus } from '../combined-status.ts';
import type { Gateway } from '../gateway.ts';
import { handleOwner, isStatus } from '../handle-owner.ts';
import { fullResource, requiredGroup, requiredTopic } from '../names.ts';
import { statusFor, type UnaryRpc } from '../unary-rpc.ts';

export const ackMessage: UnaryRpc<IAckMessageRequest, IAckMessageResponse> = {
  name: 'AckMessage',
  decode: (bytes) => AckMessageRequest.decode(bytes),
  encode: (response) => AckMessageResponse.encode(response).finish(),
  failure: (status) => ({ status }),
  async handle(request, client, gateway) {
    const entries = request.entries ?? [];
    if (entries.length === 0) throw new MqError('field-missing', { field: 'entries' });
    const base = {
      group: fullResource(requiredGroup(request.group, client, gateway.options)),
      topic: fullResource(requiredTopic(request.topic, client, gateway.options)),
    };
    const results = new Array<IAckMessageResultEntry>(entries.length);
    const shares = splitByOwner(entries, results, gateway);
    await Promise.all(
      [...shares].map(async ([broker, indexes]) => {
        const share = { ...base, entries: indexes.map((index) => entries[index] ?? {}) };
        const answered = await ackAt(broker, share, client, gateway);
        indexes.forEach((index, i) => {
          results[index] = answered[i] ?? {};
        });
      }),
    );
    return { status: combinedStatus(results), entries: results };
  },
};

/** Indexes of entries by the broker that has to be asked; entries that lead nowhere get their result at once. */
function splitByOwner(
  entries: readonly IAckMessageEntry[],
  results: IAckMessageResultEntry[],
  gateway: Gateway,
): Map<BrokerAccess, number[]> {
  const shares = new Map<BrokerAccess, number[]>();
  entries.forEach((entry, index) => {
    const owner = handleOwner(entry.receiptHandle ?? '', gateway);
    if (isStatus(owner)) {
      results[index] = resultOf(entry, owner);
      return;
    }
    const indexes = shares.get(owner);
    if (indexes === undefined) shares.set(owner, [index]);
    else indexes.push(index);
  });
  return shares;
}

/** One broker's results, as many as entries; a failure of the whole call is each entry's failure. */
async function ackAt(
  broker: BrokerAccess,
  request: IAckMessageRequest,
  client: ClientContext,
  gateway: Gateway,
): Promise<readonly IAckMessageResultEntry[]> {
  const entries = request.entries ?? [];
  let failure: IStatus;
  try {
    const response = await broker.ackMessage(request, client);
    if (response.entries?.length === entries.length) return response.entries;
    failure = response.status ?? {};
  } catch (error) {
    failure = statusFor(error, 'AckMessage', gateway);
  }
  return entries.map((entry) => resultOf(entry, failure));
}

function resultOf(entry: IAckMessageEntry, status: IStatus): IAckMessageResultEntry {
  return { messageId: entry.messageId ?? '', receiptHandle: entry.receiptHandle ?? '', status };
}
