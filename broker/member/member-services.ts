import type {
  BidiHandler,
  CallContext,
  ServiceTable,
  UnaryHandler,
} from '../../common/rpc/service-table.ts';
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
} from '../../common/wire/member-codec.ts';
import type { Disk } from '../../common/environment/disk.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import { toGrpcError } from '../../common/errors/status.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import { isMqError, MqError } from '../../common/errors/mq-error.ts';
import { isDiskError, isStoreError } from '../store/store-error.ts';
import type { BrokerMember } from './broker-member.ts';
import { snapshotTransfer, type SnapshotSource } from '../ha/snapshot-transfer.ts';
import { REPLICATE_PATH } from '../../common/wire/replication-codec.ts';

/** What the other members and the failover controller call at a member. */
export function memberServices(
  member: BrokerMember,
  { brokerName, dataDir }: Pick<NodeOptions, 'brokerName' | 'dataDir'>,
  disk: Disk,
): ServiceTable {
  const own = <T extends { readonly brokerName: string }>(order: T): T => {
    if (order.brokerName === brokerName) return order;
    const reason = `this is a member of ${brokerName}, not of ${order.brokerName}`;
    throw new MqError('request-malformed', { rpc: 'Member', reason });
  };
  const unary = (
    handle: (request: Buffer, call: CallContext) => Promise<Uint8Array> | Uint8Array,
  ): { readonly kind: 'unary'; readonly handle: UnaryHandler } => ({
    kind: 'unary',
    handle: async (request, call) => {
      try {
        return await handle(request, call);
      } catch (error) {
        throw asRpcError(error);
      }
    },
  });
  return {
    [REPLICATE_PATH]: { kind: 'bidi', handle: replicate(member) },
    ...Object.fromEntries([
      snapshotTransfer({
        ...{ brokerName, disk, directory: `${dataDir}/snapshot` },
        source: () => snapshotSource(member),
      }),
    ]),
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

/** A disk that does not keep what a member has to remember is no bug of ours: the order is repeated. */
function asRpcError(error: unknown): unknown {
  if (isDiskError(error) || isStoreError(error)) return new RpcError('unavailable', error.message);
  if (!isMqError(error)) return error;
  const { code, details } = toGrpcError(error);
  return new RpcError(code, details);
}

/** A slave is served as long as this member is the master, and by that term only. */
function replicate(member: BrokerMember): BidiHandler {
  return (call, stream) => {
    const { term } = member;
    if (term !== undefined) return term.replication.open(call, stream);
    stream.end(new RpcError('unavailable', `${member.self.name} is not the master`));
    return { message: () => undefined, halfClosed: () => undefined, closed: () => undefined };
  };
}

/** What a slave that starts over may copy; undefined on a slave. */
function snapshotSource(member: BrokerMember): SnapshotSource | undefined {
  const { term, history } = member;
  if (term === undefined || history === undefined) return undefined;
  const { epoch, members } = term.terms;
  return {
    epoch,
    epochs: history.starts,
    logStartOffset: member.broker.log.startOffset,
    isMember: (name) => members.some((other) => other.name === name),
  };
}
