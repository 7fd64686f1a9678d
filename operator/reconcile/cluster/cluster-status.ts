/** The status of a BrokerCluster, out of what was seen and done in a turn. */
import type { BrokerCluster } from '../../api/broker-cluster-schema.ts';
import type {
  BrokerClusterStatus,
  BrokerGroupSummary,
} from '../../api/broker-cluster-status-schema.ts';
import { formatAddress } from '../../../common/options/parse-value.ts';
import type { Condition } from '../../kube/core/conditions.ts';
import type { Pod } from '../../kube/resource.ts';
import {
  nameServersExternalAddress,
  type AdvertisedAddress,
} from '../../resource/advertised-address.ts';
import type { ClusterContext } from '../../resource/cluster-context.ts';
import { selectorLabels, selectorText } from '../../resource/metadata.ts';
import { externalName, internalAddress, nameServersName } from '../../resource/names.ts';
import { isReady, podState } from '../pod-facts.ts';
import { is, type Finding } from '../resource-status.ts';
import type { ClusterPorts } from './cluster-ports.ts';
import { commonImage, type RollState } from './cluster-roll.ts';
import type { ClusterView, GroupView } from './cluster-view.ts';
import type { DrainPlan } from './core/drain-plan.ts';
import { outside, type GroupOutcome } from './group-children.ts';

export interface TurnFacts {
  readonly cluster: BrokerCluster;
  readonly context: ClusterContext;
  readonly view: ClusterView;
  readonly outcomes: ReadonlyMap<string, GroupOutcome>;
  readonly drains: ReadonlyMap<string, DrainPlan>;
  readonly roll: RollState;
  /** StatefulSets that were written in this turn: what that means for their pods is seen in a later one. */
  readonly written: readonly string[];
  /** What the API server refused, and what is somebody else's; empty: nothing. */
  readonly refusals: readonly string[];
  /** Groups that do not have the topics and consumer groups of the others yet. */
  readonly unconfigured: number;
}

export function clusterFacts(
  facts: TurnFacts,
  ports: Pick<ClusterPorts, 'caches' | 'settings'>,
): Omit<BrokerClusterStatus, 'conditions' | 'observedGeneration'> {
  const { context, view, cluster } = facts;
  const { groups, nameServerPods } = view;
  const external = nameServersExternalAddress(
    context,
    outside(
      ports,
      view,
      externalName(nameServersName(context)),
      cluster.status?.addresses?.external,
    ),
  );
  const image = commonImage(view);
  const sizes = groups.flatMap(({ claims }) =>
    claims.flatMap(({ status }) => status?.capacity?.['storage'] ?? []),
  );
  return {
    replicas: groups.filter(({ statefulSet }) => statefulSet !== undefined).length,
    readyGroups: groups.filter(isServing).length,
    selector: selectorText(selectorLabels(context, 'broker')),
    namesrv: {
      replicas: view.nameServers?.status?.replicas ?? nameServerPods.length,
      ready: nameServerPods.filter(isReady).length,
    },
    groups: groups.map((group) => summary(group, facts)),
    addresses: {
      internal: formatAddress(internalAddress(context)),
      ...(external?.isKnown === true && { external: formatAddress(external.address) }),
    },
    ...(image !== undefined && { image }),
    ...(sizes.length > 0 && { storageSize: smallest(sizes) }),
    version: ports.settings.version,
  };
}

function summary(group: GroupView, facts: TurnFacts): BrokerGroupSummary {
  const { brokerName, record, pods } = group;
  const address = facts.outcomes.get(brokerName)?.address;
  const drain = facts.drains.get(brokerName);
  const message = messageOf(group, address);
  return {
    ...{ name: brokerName, ...recordSummary(group) },
    inSync: [...(record?.syncStateSet ?? [])],
    members: facts.context.spec.replicasPerGroup,
    ready: pods.filter(isReady).length,
    ...(address?.isKnown === true && { address: formatAddress(address.address) }),
    ...(drain !== undefined && { draining: drainText(drain) }),
    ...(message !== '' && { message }),
  };
}

function recordSummary(group: GroupView): Pick<BrokerGroupSummary, 'master' | 'epoch' | 'phase'> {
  const { record } = group;
  if (record === undefined) return { master: '', epoch: 0, phase: 'new' };
  const { epoch, phase, master } = record;
  return { master: isServing(group) ? (master?.name ?? '') : '', epoch, phase };
}

function messageOf({ record }: GroupView, address: AdvertisedAddress | undefined): string {
  if (address?.isKnown === false) return `waits for ${address.waitsFor}`;
  return record?.blocked ?? '';
}

function drainText({ untilMs, message }: DrainPlan): string {
  const until = untilMs === undefined ? '' : `until ${new Date(untilMs).toISOString()}: `;
  return `${until}${message}`;
}

/** It has a master, and as many in sync as writes need. */
function isServing({ record }: GroupView): boolean {
  if (record === undefined) return false;
  const { phase, syncStateSet, spec } = record;
  const hasMaster = phase === 'stable' || phase === 'handing-over';
  return hasMaster && syncStateSet.length >= spec.minInSyncReplicas;
}

function smallest(sizes: readonly string[]): string {
  return sizes.toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))[0] ?? '';
}

export function clusterFindings(facts: TurnFacts): readonly Finding[] {
  return [
    ready(facts),
    progressing(facts),
    is('SpecAccepted', true, 'AsSpecified'),
    ofGroups(facts, 'FailoverPossible', 'FailoverBlocked'),
    ofGroups(facts, 'AckedDataProtected', 'NoSlaveInSync'),
    storage(facts),
    upgrading(facts),
    scaling(facts),
    is('Paused', false, 'AsSpecified'),
  ];
}

function ready({ view, context, refusals }: TurnFacts): Finding {
  if (refusals.length > 0) return is('Ready', false, 'ApiRefused', refusals.join('; '));
  const wanted = view.groups.slice(0, context.spec.groups);
  const servers = view.nameServerPods.filter(isReady).length;
  if (servers <= context.spec.namesrv.replicas / 2) {
    const message = `${servers} of ${context.spec.namesrv.replicas} NameServers are ready`;
    return is('Ready', false, 'NameServersUnreachable', message);
  }
  const without = wanted.filter((group) => !isServing(group)).map(({ brokerName }) => brokerName);
  if (without.length === 0)
    return is('Ready', true, 'AsSpecified', `${wanted.length} groups serve`);
  return is('Ready', false, 'NoMaster', `${without.join(', ')} take no messages`);
}

function progressing(facts: TurnFacts): Finding {
  const all = [upgrading(facts), scaling(facts), storage(facts)];
  const [busy] = all.filter(
    ({ type, status }) => (type === 'StorageHealthy') !== (status === 'True'),
  );
  if (busy !== undefined) return is('Progressing', true, 'Updating', busy.message);
  const { view, context, roll } = facts;
  const fresh = [...new Set([...facts.written, ...roll.unseen])];
  if (fresh.length > 0) {
    return is('Progressing', true, 'Updating', `Kubernetes looks at ${fresh.join(', ')}`);
  }
  const missing = view.groups
    .slice(0, context.spec.groups)
    .filter(({ pods, record }) => {
      const inSync = record?.syncStateSet.length ?? 0;
      return (
        pods.filter(stays).length < context.spec.replicasPerGroup ||
        inSync < context.spec.replicasPerGroup
      );
    })
    .map(({ brokerName }) => brokerName);
  if (missing.length > 0) {
    const message = `${missing.join(', ')}: not all members are ready and in sync`;
    return is('Progressing', true, 'Waiting', message);
  }
  if (view.nameServerPods.filter(stays).length < context.spec.namesrv.replicas) {
    return is('Progressing', true, 'Waiting', 'not all NameServers are ready');
  }
  return is('Progressing', false, 'AsSpecified');
}

/** One that is on its way out is ready until it has ended: the last pod of a roll still has the old template. */
const stays = (pod: Pod): boolean => podState(pod) === 'ready';

/** True when it is so of every group that the spec wants. */
function ofGroups(
  { view, context }: TurnFacts,
  type: 'FailoverPossible' | 'AckedDataProtected',
  usual: Finding['reason'],
): Finding {
  const wanted = view.groups.slice(0, context.spec.groups);
  const conditions = wanted.map(({ group, brokerName }) => ({
    brokerName,
    condition: group?.status?.conditions?.find((condition) => condition.type === type),
  }));
  const bad = conditions.filter(({ condition }) => condition?.status !== 'True');
  const [first] = bad;
  if (first === undefined) return is(type, true, 'AsSpecified');
  const message = bad
    .map(({ brokerName, condition }) => `${brokerName}: ${condition?.message ?? 'not known yet'}`)
    .join('; ');
  const reason = (first.condition?.reason ?? usual) as Finding['reason'];
  return is(type, false, reason, message);
}

function storage({ outcomes }: TurnFacts): Finding {
  const plans = [...outcomes.values()].map((outcome) => outcome.storage);
  const refusal = plans.find((plan) => plan.refusal !== '')?.refusal;
  if (refusal !== undefined) return is('StorageHealthy', false, 'ExpansionNotAllowed', refusal);
  const growing = plans.flatMap((plan) => [...plan.grow, ...plan.growing]);
  if (growing.length === 0 && !plans.some(({ recreates }) => recreates)) {
    return is('StorageHealthy', true, 'AsSpecified');
  }
  return is('StorageHealthy', false, 'VolumesGrowing', growing.join(', '));
}

function upgrading({ roll }: TurnFacts): Finding {
  const blocked = roll.steps.find(({ step }) => step.kind === 'blocked');
  if (roll.outdated === 0) return is('Upgrading', false, 'AsSpecified');
  if (blocked?.step.kind === 'blocked') {
    const message = `${blocked.step.member}: ${blocked.step.reason}; nothing else is replaced until it is back`;
    return is('Upgrading', true, 'PodNotReady', message);
  }
  const next = roll.steps.find(({ step }) => step.kind !== 'done')?.step;
  const what = next === undefined || next.kind === 'done' ? '' : `${next.member}: ${next.reason}`;
  return is('Upgrading', true, 'RollingPods', `${roll.outdated} pods to replace; ${what}`);
}

function scaling({ view, context, drains }: TurnFacts): Finding {
  const [drain] = drains;
  if (drain !== undefined) {
    return is('Scaling', true, 'DrainingGroup', `${drain[0]}: ${drain[1].message}`);
  }
  const added = view.groups.filter(({ record }) => (record?.epoch ?? 0) === 0);
  if (added.length > 0) {
    const message = added.map(({ brokerName }) => brokerName).join(', ');
    return is('Scaling', true, 'AddingGroups', message);
  }
  const { replicasPerGroup: wanted } = context.spec;
  const other = view.groups.find(({ record }) => record?.spec.members.length !== wanted);
  if (other === undefined) return is('Scaling', false, 'AsSpecified');
  const count = other.record?.spec.members.length ?? 0;
  const reason = count < wanted ? 'AddingMembers' : 'RemovingMembers';
  return is('Scaling', true, reason, `${other.brokerName} has ${count} of ${wanted} members`);
}

/** Events for conditions that have changed. */
export function conditionChange(
  before: readonly Condition[],
  after: readonly Condition[],
  type: string,
): Condition | undefined {
  const was = before.find((condition) => condition.type === type)?.status;
  const now = after.find((condition) => condition.type === type);
  return now === undefined || now.status === was ? undefined : now;
}
