import { setTimeout as sleep } from 'node:timers/promises';
import type { FailoverGroupView, TransitionView } from '../../cli/client/failover-view.ts';
import type { Fault } from './cluster-faults.ts';
import type { TestCluster } from './cluster-launcher.ts';
import { monotonicMs, type AckedSend } from './cluster-ledger.ts';
import { ClusterLoad } from './cluster-load.ts';
import { replicatedUntilMs } from './replicated-until.ts';
import { startProbe } from './start-probe.ts';

export interface FaultRun {
  readonly cluster: TestCluster;
  readonly group: string;
  readonly fault: Fault;
  /** Unique among the runs on one cluster. */
  readonly name: string;
  readonly heartbeatExpiryMs: number;
  readonly inSyncTimeoutMs: number;
}

export interface FaultReport {
  readonly fault: string;
  /** Longest time in which no client got an acknowledgement. */
  readonly unavailableMs: number;
  /** The controller's own account, when there was a change of master. */
  readonly transition: TransitionView | undefined;
  readonly acknowledged: number;
  readonly lost: number;
  readonly redelivered: number;
  /** Everything that must not be. Empty: the run has passed. */
  readonly problems: readonly string[];
  /** Reasons that clients were given. */
  readonly failures: ReadonlyMap<string, number>;
  /** What the fault has to say of how it struck. */
  readonly remark: string | undefined;
  /** Before the fault; what was acknowledged earlier still was on all members of the in-sync set. */
  readonly tailMs: number;
}

const LANES = 3;
/** Of load before the fault and after the cluster is whole again. */
const STEADY_MS = 700;
const WHOLE_TIMEOUT_MS = 45_000;

/** Lets a fault strike a cluster under load, waits until all is well again, and compares promises with facts. */
export async function runFault(run: FaultRun): Promise<FaultReport> {
  const { cluster, group, fault, name } = run;
  const before = await cluster.waitUntilWhole(group, WHOLE_TIMEOUT_MS);
  const hasProbe = fault.needsNetwork === true;
  const load = await ClusterLoad.start({
    ...{ endpoint: cluster.endpoint, name, lanes: LANES, hasProbe },
  });
  const probe = hasProbe ? startProbe(cluster, before.master, load) : undefined;
  try {
    await sleep(STEADY_MS);
    const replicatedMs = await replicatedUntilMs(cluster, before);
    const struckAtMs = monotonicMs();
    const remark = await fault.strike({
      ...{ cluster, group, master: before.master, epoch: before.epoch },
      slaves: before.members.map((member) => member.name).filter((it) => it !== before.master),
      heartbeatExpiryMs: run.heartbeatExpiryMs,
      inSyncTimeoutMs: run.inSyncTimeoutMs,
    });
    const after = await cluster.waitUntilWhole(group, WHOLE_TIMEOUT_MS);
    await sleep(STEADY_MS);
    await probe?.stop();
    return await judge(run, load, { before, after, struckAtMs, replicatedMs, remark });
  } finally {
    await probe?.stop();
    await load.close();
  }
}

interface Course {
  readonly before: FailoverGroupView;
  readonly after: FailoverGroupView;
  readonly struckAtMs: number;
  /** What was acknowledged before was on all members of the set. */
  readonly replicatedMs: number;
  readonly remark: string | undefined;
}

async function judge(
  { fault, cluster }: FaultRun,
  load: ClusterLoad,
  { before, after, struckAtMs, replicatedMs, remark }: Course,
): Promise<FaultReport> {
  const stored = await load.finish();
  const { ledger, failures } = load;
  const { violations, lost, redelivered } = ledger.check(stored);
  const transition = after.transitions.find(({ newEpoch }) => newEpoch > before.epoch);
  const hasChanged = after.epoch > before.epoch;
  const problems = [...violations];
  if (fault.changesMaster !== undefined && fault.changesMaster !== hasChanged) {
    problems.push(hasChanged ? 'the master changed without need' : 'the master did not change');
  }
  if (cluster.plan.shape.replication === 'sync') {
    if (lost.length > 0) problems.push(`${lost.length} acknowledged messages are lost`);
    if (redelivered.length > 0) problems.push(`${redelivered.length} acked messages came again`);
  } else {
    problems.push(...outsideTail(lost, redelivered, replicatedMs));
  }
  return {
    fault: fault.name,
    unavailableMs: Math.round(ledger.longestGapMs(struckAtMs)),
    transition,
    acknowledged: ledger.sends.length,
    lost: lost.length,
    redelivered: redelivered.length,
    problems,
    failures,
    remark,
    tailMs: Math.round(struckAtMs - replicatedMs),
  };
}

/** Async replication may lose what the slaves had not got. That this is the end of each queue, the ledger says. */
function outsideTail(
  lost: readonly AckedSend[],
  redelivered: readonly { readonly ackedAtMs: number }[],
  replicatedMs: number,
): string[] {
  const isReplicated = ({ ackedAtMs }: { ackedAtMs: number }): boolean => ackedAtMs < replicatedMs;
  const earlyLost = lost.filter(isReplicated).length;
  const earlyAgain = redelivered.filter(isReplicated).length;
  return [
    ...(earlyLost > 0 ? [`${earlyLost} messages are lost that the slaves had`] : []),
    ...(earlyAgain > 0 ? [`${earlyAgain} consumptions are undone that the slaves had`] : []),
  ];
}
