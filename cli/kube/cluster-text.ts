import { formatDuration } from '../../common/options/bytes-and-durations.ts';
import type {
  ChangeReport,
  ClusterReport,
  ConditionReport,
  GroupReport,
} from '../../operator/tool/cluster-report.ts';
import { sizeText } from '../output/size-text.ts';
import { fieldList, printable, textTable } from '../output/text-table.ts';

/** Several clusters, one to a line. */
export function clustersText(clusters: readonly ClusterReport[]): string {
  const header = [
    'namespace',
    'name',
    'ready',
    'failover',
    'protected',
    'groups',
    'namesrv',
    'image',
  ];
  const rows = clusters.map((cluster) => [
    ...[cluster.namespace, cluster.name, statusOf(cluster, 'Ready')],
    ...[statusOf(cluster, 'FailoverPossible'), statusOf(cluster, 'AckedDataProtected')],
    ...[servingText(cluster), nameServersText(cluster), cluster.image],
  ]);
  return textTable(header, rows);
}

/** One cluster with all that it has. */
export function clusterText(cluster: ClusterReport): string {
  const parts = [headText(cluster), troublesText(cluster), groupsText(cluster), podsText(cluster)];
  return parts.filter((part) => part !== '').join('\n\n');
}

function headText(cluster: ClusterReport): string {
  const { namespace, name, image, operatorVersion, internalAddress, externalAddress } = cluster;
  const fields = fieldList([
    ['cluster', `${namespace}/${name}`],
    ['ready', statusOf(cluster, 'Ready')],
    ['failover possible', statusOf(cluster, 'FailoverPossible')],
    ['acked data protected', statusOf(cluster, 'AckedDataProtected')],
    ['NameServers', nameServersText(cluster)],
    ['groups that serve', servingText(cluster)],
    ['address', internalAddress || undefined],
    ['from outside', externalAddress || undefined],
    ['image', image || 'several'],
    ['operator', operatorVersion || undefined],
  ]);
  return cluster.isBehind
    ? `${fields}\n\nThe operator has not taken up the present spec yet.`
    : fields;
}

const servingText = ({ groups }: ClusterReport): string =>
  `${groups.filter(({ master }) => master !== '').length}/${groups.length}`;

const nameServersText = ({ nameServers }: ClusterReport): string =>
  `${nameServers.ready}/${nameServers.wanted}`;

/** Conditions that are good when they are False. */
const GOOD_WHEN_FALSE: ReadonlySet<string> = new Set([
  ...['Progressing', 'Upgrading', 'Scaling', 'Paused', 'Fenced', 'Conflict'],
]);

function troublesText({ conditions, groups }: ClusterReport): string {
  const lines = conditions
    .filter(({ type, status }) => status !== (GOOD_WHEN_FALSE.has(type) ? 'False' : 'True'))
    .map(conditionText);
  const ofGroups = groups
    .filter(({ message }) => message !== '')
    .map(({ name, message }) => `  ${name}: ${printable(message)}`);
  const all = [...lines, ...ofGroups];
  return all.length === 0 ? '' : ['Worth a look:', ...all].join('\n');
}

function conditionText({ type, status, reason, message, since }: ConditionReport): string {
  const why = message === '' ? reason : `${reason}: ${message}`;
  return printable(`  ${type} is ${status} since ${since} (${why})`);
}

function statusOf({ conditions }: ClusterReport, type: string): string {
  return conditions.find((condition) => condition.type === type)?.status ?? 'Unknown';
}

function groupsText({ groups }: ClusterReport): string {
  if (groups.length === 0) return 'no broker groups yet';
  const header = [
    ...['group', 'master', 'epoch', 'phase', 'in sync', 'ready', 'failover', 'fenced'],
    ...['last change', 'took', 'lost'],
  ];
  return textTable(header, groups.map(groupRow));
}

function groupRow(group: GroupReport): (string | number)[] {
  const { name, master, epoch, phase, inSync, members, ready, failoverPossible, fenced } = group;
  return [
    ...[name, master || 'NONE', epoch, phase, `${inSync.length}/${members.length}`],
    ...[`${ready}/${members.length}`, failoverPossible, fenced.join(', ')],
    ...changeCells(group.lastChange),
  ];
}

function changeCells(change: ChangeReport | undefined): string[] {
  if (change === undefined) return ['', '', ''];
  const { at, durationMs, lostBytesMax } = change;
  const lost =
    lostBytesMax === 0
      ? 'nothing'
      : lostBytesMax < 0
        ? 'not known'
        : `at most ${sizeText(lostBytesMax)}`;
  return [at, formatDuration(Math.round(durationMs)), lost];
}

function podsText({ pods }: ClusterReport): string {
  if (pods.length === 0) return 'no pods';
  const header = ['pod', 'kind', 'role', 'state', 'restarts', 'node'];
  return textTable(
    header,
    pods.map(({ name, component, role, state, restarts, node }) => [
      ...[name, component, role, state, restarts, node],
    ]),
  );
}
