/** Requests and answers of orbitmq.v1.FailoverController as bytes, for the controller. */
import { STATUS_OK, type ProtocolStatus } from '../errors/status.ts';
import type {
  FailoverExplanation,
  GroupReport,
  MemberReport,
  TransitionReport,
} from '../model/failover-report.ts';
import {
  ExplainRequest,
  ExplainResponse,
  FailoverControllerMethods,
  FenceRequest,
  FenceResponse,
  ListGroupsRequest,
  ListGroupsResponse,
  SwitchoverRequest,
  SwitchoverResponse,
  type IGroupReport,
  type IMemberReport,
  type ITransition,
} from '../../proto/generated/orbitmq.ts';
import { memberToWire, replicationToWire, statusToWire } from './member-codec.ts';
import { WireValues } from './wire-values.ts';

/** An answer, or the status that says why there is none. */
export type Answered<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly status: ProtocolStatus };

/** Paths of the service, by the name of the rpc. */
export const CONTROLLER_PATHS = {
  listGroups: FailoverControllerMethods.ListGroups.path,
  switchover: FailoverControllerMethods.Switchover.path,
  fence: FailoverControllerMethods.Fence.path,
  explain: FailoverControllerMethods.Explain.path,
} as const;

const LIST_GROUPS = new WireValues('ListGroups');
const SWITCHOVER = new WireValues('Switchover');
const FENCE = new WireValues('Fence');
const EXPLAIN = new WireValues('Explain');

/** Names of groups; empty: all. */
export function decodeListGroups(bytes: Uint8Array): readonly string[] {
  const { brokerNames } = LIST_GROUPS.decoded(ListGroupsRequest, bytes);
  return LIST_GROUPS.names(brokerNames, 'broker_names');
}

export function decodeSwitchover(bytes: Uint8Array): {
  readonly brokerName: string;
  readonly targetMember: string;
} {
  const { brokerName, targetMember } = SWITCHOVER.decoded(SwitchoverRequest, bytes);
  return { brokerName: SWITCHOVER.text(brokerName, 'broker_name'), targetMember };
}

/** `memberName` empty: the whole group. */
export function decodeFence(bytes: Uint8Array): {
  readonly brokerName: string;
  readonly memberName: string;
  readonly isFenced: boolean;
} {
  const { brokerName, memberName, fenced } = FENCE.decoded(FenceRequest, bytes);
  return { brokerName: FENCE.text(brokerName, 'broker_name'), memberName, isFenced: fenced };
}

/** The name of the group. */
export function decodeExplain(bytes: Uint8Array): string {
  return EXPLAIN.text(EXPLAIN.decoded(ExplainRequest, bytes).brokerName, 'broker_name');
}

export function encodeGroups(answer: Answered<readonly GroupReport[]>): Uint8Array {
  const wire = answer.ok
    ? { status: STATUS_OK, groups: answer.value.map(groupToWire) }
    : { status: answer.status };
  return ListGroupsResponse.encode(wire).finish();
}

export function encodeSwitchoverAnswer(answer: Answered<TransitionReport>): Uint8Array {
  const wire = answer.ok
    ? { status: STATUS_OK, transition: transitionToWire(answer.value) }
    : { status: answer.status };
  return SwitchoverResponse.encode(wire).finish();
}

export function encodeFenceAnswer(answer: Answered<GroupReport>): Uint8Array {
  const wire = answer.ok
    ? { status: STATUS_OK, group: groupToWire(answer.value) }
    : { status: answer.status };
  return FenceResponse.encode(wire).finish();
}

export function encodeExplanation(answer: Answered<FailoverExplanation>): Uint8Array {
  if (!answer.ok) return ExplainResponse.encode({ status: answer.status }).finish();
  const { winner, isLossless, atRiskBytes, blockers, reasons } = answer.value;
  return ExplainResponse.encode({
    ...{ status: STATUS_OK, winner, lossless: isLossless, atRiskBytes },
    ...{ blockers: [...blockers], reasons: [...reasons] },
  }).finish();
}

function groupToWire(group: GroupReport): IGroupReport {
  return {
    ...group,
    replication: replicationToWire(group.replication),
    syncStateSet: [...group.syncStateSet],
    fencedMembers: [...group.fencedMembers],
    members: group.members.map(memberReportToWire),
    transitions: group.transitions.map(transitionToWire),
  };
}

/** Not known, as the protocol writes it. */
const UNKNOWN = -1;

function memberReportToWire(report: MemberReport): IMemberReport {
  const { member, status, heardBy, nameServers, silentMs } = report;
  return {
    member: memberToWire(member),
    reachable: status !== undefined,
    ...(status === undefined ? {} : { status: statusToWire(status) }),
    ...{ heardBy, nameServers, silentMs: silentMs ?? UNKNOWN },
  };
}

function transitionToWire({ isUnclean, ...transition }: TransitionReport): ITransition {
  const { startedAtMs, durationMs } = transition;
  return {
    ...transition,
    startedAtMs: Math.round(startedAtMs),
    durationMs: Math.round(durationMs),
    phases: transition.phases.map((phase) => ({
      name: phase.name,
      durationMs: Math.round(phase.durationMs),
    })),
    unclean: isUnclean,
  };
}
