import type { EpochRevocation, HeardMembers } from '../../common/model/witness.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import {
  decodeHeardMembers,
  decodeRevocation,
  encodeListMembers,
  encodeRevokeEpoch,
  LIST_MEMBERS_PATH,
  REVOKE_EPOCH_PATH,
} from '../../common/wire/witness-codec.ts';

/** NameServers answer from memory. */
const CALL_TIMEOUT_MS = 1_500;

/** What the controller asks of one NameServer. Every call ends: by an answer, or by rejecting at its deadline. */
export class NameServerClient {
  readonly address: string;
  readonly #channel: RpcChannel;

  constructor(address: string, channel: RpcChannel) {
    this.address = address;
    this.#channel = channel;
  }

  async listMembers(brokerNames: readonly string[]): Promise<HeardMembers> {
    return decodeHeardMembers(await this.#call(LIST_MEMBERS_PATH, encodeListMembers(brokerNames)));
  }

  async revokeEpoch(brokerName: string, epoch: number): Promise<EpochRevocation> {
    return decodeRevocation(
      await this.#call(REVOKE_EPOCH_PATH, encodeRevokeEpoch(brokerName, epoch)),
    );
  }

  close(): void {
    this.#channel.close();
  }

  #call(path: string, bytes: Uint8Array): Promise<Buffer> {
    return this.#channel.unary(path, bytes, { deadlineMs: CALL_TIMEOUT_MS, metadata: {} });
  }
}
