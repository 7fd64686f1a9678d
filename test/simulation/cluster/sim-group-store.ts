import { MqError } from '../../../common/errors/mq-error.ts';
import type { RpcChannel } from '../../../common/rpc/rpc-channel.ts';
import type { GroupRecord } from '../../../operator/failover/core/group-record.ts';
import type { GroupStore, StoredGroup } from '../../../operator/failover/group-store.ts';
import { recordFromJson, recordToJson } from '../../../operator/failover/record-json.ts';
import {
  answerFromBytes,
  READ_PATH,
  SWAP_PATH,
  type StoreAnswer,
  type SwapRequest,
} from './group-store-node.ts';

const CALL = { deadlineMs: 400, metadata: {} };

/** The GroupStore of a controller: calls to the store's node, any of which may be lost on its way or on its way back. */
export class SimGroupStore implements GroupStore {
  readonly #channel: RpcChannel;
  /** What was read last of each group: mostly it is there still, and is not parsed again. */
  readonly #known = new Map<string, StoredGroup>();

  constructor(channel: RpcChannel) {
    this.#channel = channel;
  }

  async read(brokerName: string): Promise<StoredGroup | undefined> {
    const answer = await this.#call(READ_PATH, Buffer.from(brokerName));
    if (answer.version === 0) return undefined;
    const version = String(answer.version);
    let known = this.#known.get(brokerName);
    if (known?.version !== version) {
      known = { record: recordFromJson(JSON.parse(answer.bytes.toString())), version };
      this.#known.set(brokerName, known);
    }
    return known;
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
      return answerFromBytes(await this.#channel.unary(path, request, CALL));
    } catch (error) {
      throw new MqError('not-ready', { reason: (error as Error).message }, error);
    }
  }
}
