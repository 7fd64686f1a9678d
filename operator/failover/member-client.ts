import type { GroupMember } from '../../common/model/broker-group.ts';
import type {
  FollowOrder,
  HandOverAnswer,
  HandOverOrder,
  MemberAnswer,
  PromoteAnswer,
  PromoteOrder,
  ResumeOrder,
  RevokeOrder,
  StatusQuestion,
  UpdateTermsOrder,
} from '../../common/model/member-orders.ts';
import type { MemberStatus } from '../../common/model/broker-group.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import * as codec from '../../common/wire/member-codec.ts';

/** An order is a few small writes of a member: its disk may be slow, but not for longer. */
const ORDER_TIMEOUT_MS = 2_000;
/** Added to what the member is given, for the way there and back. */
const WAY_MS = 1_000;

/** orbitmq.v1.Member of one member. Every call ends: by an answer, or by rejecting at its deadline. */
export class MemberClient {
  readonly member: GroupMember;
  readonly #channel: RpcChannel;

  constructor(member: GroupMember, channel: RpcChannel) {
    this.member = member;
    this.#channel = channel;
  }

  async status(question: StatusQuestion, signal?: AbortSignal): Promise<MemberStatus> {
    const bytes = codec.encodeStatusQuestion(question);
    const { getMemberStatus } = codec.MEMBER_PATHS;
    const answer = await this.#call(getMemberStatus, bytes, question.waitMs + WAY_MS, signal);
    return codec.decodeMemberStatus(answer);
  }

  async revoke(order: RevokeOrder): Promise<MemberAnswer> {
    const bytes = codec.encodeRevokeOrder(order);
    return codec.decodeRevokeAnswer(await this.#call(codec.MEMBER_PATHS.revoke, bytes));
  }

  async promote(order: PromoteOrder): Promise<PromoteAnswer> {
    const bytes = codec.encodePromoteOrder(order);
    return codec.decodePromoteAnswer(await this.#call(codec.MEMBER_PATHS.promote, bytes));
  }

  async follow(order: FollowOrder): Promise<MemberAnswer> {
    const bytes = codec.encodeFollowOrder(order);
    return codec.decodeFollowAnswer(await this.#call(codec.MEMBER_PATHS.follow, bytes));
  }

  async updateTerms(order: UpdateTermsOrder): Promise<MemberAnswer> {
    const bytes = codec.encodeUpdateTermsOrder(order);
    return codec.decodeUpdateTermsAnswer(await this.#call(codec.MEMBER_PATHS.updateTerms, bytes));
  }

  async handOver(order: HandOverOrder): Promise<HandOverAnswer> {
    const bytes = codec.encodeHandOverOrder(order);
    const { handOver } = codec.MEMBER_PATHS;
    return codec.decodeHandOverAnswer(await this.#call(handOver, bytes, order.timeoutMs + WAY_MS));
  }

  async resume(order: ResumeOrder): Promise<boolean> {
    const bytes = codec.encodeResumeOrder(order);
    return codec.decodeResumeAnswer(await this.#call(codec.MEMBER_PATHS.resume, bytes));
  }

  close(): void {
    this.#channel.close();
  }

  #call(
    path: string,
    bytes: Uint8Array,
    deadlineMs: number = ORDER_TIMEOUT_MS,
    signal?: AbortSignal,
  ): Promise<Buffer> {
    const options = { deadlineMs, metadata: {}, ...(signal === undefined ? {} : { signal }) };
    return this.#channel.unary(path, bytes, options);
  }
}
