/** The members and NameServers of a `FailoverModel` behind channels, as a controller reaches them. */
import type { Timers } from '../../common/environment/timers.ts';
import type { GroupMember } from '../../common/model/broker-group.ts';
import { epoch } from '../../common/model/offsets.ts';
import type { Address } from '../../common/options/option-definition.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import * as member from '../../common/wire/member-codec.ts';
import * as witness from '../../common/wire/witness-codec.ts';
import type { ModelMember } from './failover-member.ts';
import type { FailoverModel } from './failover-model.ts';

const POLL_STEP_MS = 10;
const NAME_SERVER_PORT = 100;

export const NAME_SERVER_ADDRESSES: readonly Address[] = [0, 1, 2].map((index) => ({
  host: 'localhost',
  port: NAME_SERVER_PORT + index,
}));

/** `from` is the name of the controller, for links that are cut. */
export function modelChannel(
  model: FailoverModel,
  timers: Timers,
  from: string,
  { port }: Address,
): RpcChannel {
  const unary = async (path: string, request: Uint8Array): Promise<Buffer> => {
    await Promise.resolve();
    if (port >= NAME_SERVER_PORT) {
      return Buffer.from(
        nameServerAnswer(model, from, `n${port - NAME_SERVER_PORT}`, path, request),
      );
    }
    const found = model.members.find((one) => one.member.address.port === port);
    const isThere = found?.isAlive === true && model.isUp(from, found.name);
    if (!isThere) throw new RpcError('unavailable', 'nobody answers');
    return Buffer.from(await memberAnswer(model, timers, found, path, request));
  };
  const unsupported = (): never => {
    throw new Error('a controller opens no streams');
  };
  return {
    ...{ address: `localhost:${port}`, unary, close: () => undefined },
    ...{ serverStream: unsupported, exchange: unsupported, openStream: unsupported },
  };
}

function nameServerAnswer(
  model: FailoverModel,
  from: string,
  name: string,
  path: string,
  request: Uint8Array,
): Uint8Array {
  if (!model.isUp(from, name)) throw new RpcError('unavailable', 'nobody answers');
  if (path === witness.LIST_MEMBERS_PATH) return witness.encodeHeardMembers(model.hear(name));
  const { epoch: given } = witness.decodeRevokeEpoch(request);
  return witness.encodeRevocation(model.revokeEpoch(name, given));
}

async function memberAnswer(
  model: FailoverModel,
  timers: Timers,
  one: ModelMember,
  path: string,
  request: Uint8Array,
): Promise<Uint8Array> {
  const paths = member.MEMBER_PATHS;
  const self: GroupMember = one.member;
  const accepted = (
    given: number,
  ): { isAccepted: boolean; status: ReturnType<typeof one.status> } => ({
    isAccepted: one.accepted === given,
    status: one.status(),
  });
  switch (path) {
    case paths.getMemberStatus:
      return longPoll(timers, one, member.decodeStatusQuestion(request));
    case paths.revoke: {
      const { epoch: given } = member.decodeRevokeOrder(request);
      model.obey(one, { kind: 'revoke', member: self, epoch: given });
      return member.encodeRevokeAnswer(accepted(given));
    }
    case paths.promote: {
      const { runId, terms } = member.decodePromoteOrder(request);
      model.obey(one, { kind: 'promote', member: self, runId, terms });
      return member.encodePromoteAnswer({ ...accepted(terms.epoch), reason: '' });
    }
    case paths.follow: {
      const { epoch: given, master } = member.decodeFollowOrder(request);
      model.obey(one, { kind: 'follow', member: self, epoch: given, master });
      return member.encodeFollowAnswer(accepted(given));
    }
    case paths.updateTerms: {
      const { terms } = member.decodeUpdateTermsOrder(request);
      model.obey(one, { kind: 'update-terms', member: self, terms });
      return member.encodeUpdateTermsAnswer(accepted(terms.epoch));
    }
    case paths.handOver: {
      const { epoch: given, targetMember: target, timeoutMs } = member.decodeHandOverOrder(request);
      const order = { kind: 'hand-over', member: self, epoch: given, target, timeoutMs } as const;
      const reason = model.obey(one, order);
      const answer = { isReady: reason === undefined, reason: reason ?? '', status: one.status() };
      return member.encodeHandOverAnswer(answer);
    }
    case paths.resume: {
      const { epoch: given } = member.decodeResumeOrder(request);
      model.obey(one, { kind: 'resume', member: self, epoch: epoch(given) });
      return member.encodeResumeAnswer(true);
    }
    default:
      throw new RpcError('unimplemented', path);
  }
}

async function longPoll(
  timers: Timers,
  one: ModelMember,
  { knownVersion, waitMs }: ReturnType<typeof member.decodeStatusQuestion>,
): Promise<Uint8Array> {
  const { runId } = one;
  for (let leftMs = waitMs; leftMs > 0; leftMs -= POLL_STEP_MS) {
    if (one.version > knownVersion || !one.isAlive) break;
    await new Promise<void>((resolve) => timers.after(POLL_STEP_MS, resolve));
  }
  if (!one.isAlive || one.runId !== runId) throw new RpcError('unavailable', 'it has ended');
  return member.encodeMemberStatus(one.status());
}
