import { formatDuration } from '../../common/options/bytes-and-durations.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import type {
  ExplanationView,
  FailoverGroupView,
  MemberStatusView,
  MemberView,
  TransitionView,
} from '../client/failover-view.ts';
import { sizeText } from '../output/size-text.ts';
import { textTable } from '../output/text-table.ts';

/** Answers of the failover controller as a person reads them. */

export function statusText(groups: readonly FailoverGroupView[]): string {
  if (groups.length === 0) return 'the controller has no groups';
  return groups.map(groupText).join('\n\n');
}

export function groupText(group: FailoverGroupView): string {
  return [headline(group), membersText(group), transitionsText(group.transitions)]
    .filter((part) => part !== '')
    .join('\n\n');
}

function headline(group: FailoverGroupView): string {
  const { name, phase, epoch, master, replication, minInSyncReplicas, uncleanElection } = group;
  const terms = [
    `${replication} replication, at least ${minInSyncReplicas} in sync`,
    ...(uncleanElection ? ['unclean election allowed'] : []),
  ];
  const lines = [
    `${name}: ${master === '' ? 'NO MASTER' : `master ${master}`}, epoch ${epoch}, ${phase} (${terms.join('; ')})`,
  ];
  if (group.blocked !== '') lines.push(`  blocked: ${group.blocked}`);
  for (const { name: member, status } of group.members) {
    const reason = status?.reason ?? '';
    if (reason !== '') lines.push(`  ${member}: ${reason}`);
  }
  return lines.join('\n');
}

function membersText({ members }: FailoverGroupView): string {
  const header = [
    ...['member', 'address', 'role', 'epoch', 'end', 'durable', 'confirmed'],
    ...['lag', 'behind', 'in sync', 'writable', 'heard by', 'notes'],
  ];
  return textTable(header, members.map(memberRow));
}

type Row = (string | number | boolean | undefined)[];

function memberRow(member: MemberView): Row {
  const { name, address, inSync, heardBy, nameServers, status } = member;
  const [role, ...position] = status === undefined ? UNREACHABLE : statusCells(status);
  return [
    ...[name, formatAddress(address), role, ...position],
    ...[inSync, status?.writable, `${heardBy}/${nameServers}`, notesOf(member).join(', ')],
  ];
}

const UNREACHABLE: Row = Array.from({ length: 7 }, () => undefined);

function statusCells(status: MemberStatusView): Row {
  const { role, epoch, logEndOffset, durableOffset, confirmOffset, lagBytes, lagMs } = status;
  return [
    ...[role, epoch, logEndOffset, durableOffset, confirmOffset],
    lagBytes === undefined ? undefined : sizeText(lagBytes),
    lagMs === undefined ? undefined : secondsText(lagMs),
  ];
}

function notesOf({ reachable, fenced, status }: MemberView): string[] {
  const isLost = status?.role === 'follower' && status.following === '';
  return [
    ...(reachable ? [] : ['no answer']),
    ...(fenced ? ['fenced'] : []),
    ...(status?.unfit === true ? ['unfit'] : []),
    ...(isLost ? ['follows nobody'] : []),
  ];
}

function secondsText(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function transitionsText(transitions: readonly TransitionView[]): string {
  if (transitions.length === 0) return '';
  const header = ['since', 'epoch', 'from', 'to', 'took', 'phases', 'lost', 'reason'];
  return textTable(header, transitions.map(transitionRow));
}

function transitionRow(transition: TransitionView): (string | number)[] {
  const { startedAt, newEpoch, oldMaster, newMaster, durationMs, reason } = transition;
  return [
    ...[startedAt, newEpoch, oldMaster, newMaster, formatDuration(durationMs)],
    ...[phasesText(transition), lostText(transition), reason],
  ];
}

function phasesText({ phases }: TransitionView): string {
  return phases.map(({ name, durationMs }) => `${name} ${durationMs}`).join(', ');
}

function lostText({ lostBytesMax, unclean }: TransitionView): string {
  const amount =
    lostBytesMax < 0
      ? 'not known'
      : lostBytesMax === 0
        ? 'nothing'
        : `at most ${sizeText(lostBytesMax)}`;
  return unclean ? `${amount} (UNCLEAN)` : amount;
}

export function switchoverText(group: string, transition: TransitionView): string {
  const { newMaster, oldMaster, newEpoch, durationMs } = transition;
  const phases = phasesText(transition);
  const steps = phases === '' ? '' : ` (${phases})`;
  return `${group}: ${newMaster} is master in place of ${oldMaster}, epoch ${newEpoch}, after ${durationMs} ms${steps}`;
}

/** "If the master died now": in words. */
export function explanationText(explanation: ExplanationView): string {
  const { group, winner, lossless, atRiskBytes, blockers, reasons } = explanation;
  const lines = [`If the master of ${group} died now:`];
  lines.push(
    winner === '' ? '  nobody would be elected.' : `  ${winner} would be elected.`,
    `  ${riskText(winner, lossless, atRiskBytes)}`,
  );
  if (blockers.length > 0) lines.push('', 'In the way:', ...blockers.map((line) => `  - ${line}`));
  if (reasons.length > 0)
    lines.push('', 'Member by member:', ...reasons.map((line) => `  - ${line}`));
  return lines.join('\n');
}

function riskText(winner: string, lossless: boolean, atRiskBytes: number): string {
  if (lossless && winner === '') {
    return 'Nothing acknowledged would be lost, but nothing could be sent until a member that has it all is back.';
  }
  if (lossless) return 'Nothing acknowledged would be lost.';
  if (atRiskBytes < 0) return 'Acknowledged messages might be lost; how many is not known.';
  return `Acknowledged messages might be lost: at most ${sizeText(atRiskBytes)} of the log.`;
}
