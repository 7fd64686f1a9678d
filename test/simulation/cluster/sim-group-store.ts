import { MqError } from '../../../common/errors/mq-error.ts';
import type { RpcChannel } from '../../../common/rpc/rpc-channel.ts';
import type { GroupRecord } from '../../../operator/failover/core/group-record.ts';
import type { GroupStore, StoredGroup } from '../../../operator/failover/group-store.ts';
import { recordFromJson, recordToJson } from '../../../operator/failover/record-json.ts';
import { READ_PATH, SWAP_PATH, type StoreAnswer, type SwapRequest } from './group-store-node.ts';

const CALL = { deadlineMs: 400, metadata: {} };

/** The GroupStore of a controller: calls to the store's node, any of which may be lost on its way or on its way back. */
export class SimGroupStore implements GroupStore {
  readonly #channel: RpcChannel;

  constructor(channel: RpcChannel) {
    this.#channel = channel;
  }

  async read(brokerName: string): Promise<StoredGroup | undefined> {
    const { version, text } = await this.#call(READ_PATH, Buffer.from(brokerName));
    if (version === 0) return undefined;
    return { record: recordFromJson(JSON.parse(text)), version: String(version) };
  }

  async write(
    brokerName: string,
    record: GroupRecord,
    expected: string | undefined,
  ): Promise<'written' | 'conflict'> {
    const request: SwapRequest = {
      name: brokerName,
      version: Number(expected ?? 0),
      text: recordToJson(record),
    };
    const { isDone } = await this.#call(SWAP_PATH, Buffer.from(JSON.stringify(request)));
    return isDone ? 'written' : 'conflict';
  }

  async #call(path: string, request: Buffer): Promise<StoreAnswer> {
    try {
      return JSON.parse((await this.#channel.unary(path, request, CALL)).toString()) as StoreAnswer;
    } catch (error) {
      throw new MqError('not-ready', { reason: (error as Error).message }, error);
    }
  }
}
