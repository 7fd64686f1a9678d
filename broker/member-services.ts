import type { CallContext, ServiceTable, UnaryHandler } from '../common/rpc/service-table.ts';
import {
  decodeFollowOrder,
  decodeHandOverOrder,
  decodePromoteOrder,
  decodeResumeOrder,
  decodeRevokeOrder,
  decodeStatusQuestion,
  decodeUpdateTermsOrder,
  encodeFollowAnswer,
  encodeHandOverAnswer,
  encodeMemberStatus,
  encodePromoteAnswer,
  encodeResumeAnswer,
  encodeRevokeAnswer,
  encodeUpdateTermsAnswer,
  MEMBER_PATHS,
} from '../common/wire/member-codec.ts';
import { MqError } from '../common/errors/mq-error.ts';
import type { BrokerMember } from './broker-member.ts';
import { REPLICATE_PATH } from '../common/wire/replication-codec.ts';

/** What the other members and the failover controller call at a member. */
export function memberServices(member: BrokerMember, brokerName: string): ServiceTable {
  const own = <T extends { readonly brokerName: string }>(order: T): T => {
    if (order.brokerName === brokerName) return order;
    const reason = `this is a member of ${brokerName}, not of ${order.brokerName}`;
    throw new MqError('request-malformed', { rpc: 'Member', reason });
  };
  const unary = (
    handle: (request: Buffer, call: CallContext) => Promise<Uint8Array> | Uint8Array,
  ): { readonly kind: 'unary'; readonly handle: UnaryHandler } => ({
    kind: 'unary',
    handle: async (request, call) => handle(request, call),
  });
  return {
    [REPLICATE_PATH]: { kind: 'bidi', handle: member.replicate },
    [MEMBER_PATHS.getMemberStatus]: unary(async (request) =>
      encodeMemberStatus(await member.whenStatusAfter(decodeStatusQuestion(request))),
    ),
    [MEMBER_PATHS.revoke]: unary(async (request) =>
      encodeRevokeAnswer(await member.revoke(own(decodeRevokeOrder(request)))),
    ),
    [MEMBER_PATHS.promote]: unary(async (request) =>
      encodePromoteAnswer(await member.promote(own(decodePromoteOrder(request)))),
    ),
    [MEMBER_PATHS.follow]: unary(async (request) =>
      encodeFollowAnswer(await member.follow(own(decodeFollowOrder(request)))),
    ),
    [MEMBER_PATHS.updateTerms]: unary((request) =>
      encodeUpdateTermsAnswer(member.updateTerms(own(decodeUpdateTermsOrder(request)))),
    ),
    [MEMBER_PATHS.handOver]: unary(async (request) =>
      encodeHandOverAnswer(await member.handOver(own(decodeHandOverOrder(request)))),
    ),
    [MEMBER_PATHS.resume]: unary((request) =>
      encodeResumeAnswer(member.resume(own(decodeResumeOrder(request)))),
    ),
  };
}
