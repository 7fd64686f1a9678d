import type { Command } from 'commander';
import { findCluster, findTarget } from '../../operator/tool/cluster-lookup.ts';
import {
  setFence,
  setPause,
  switchOver,
  type FenceOutcome,
  type OrderPorts,
  type SwitchoverOutcome,
} from '../../operator/tool/group-orders.ts';
import { durationArgument } from '../argument.ts';
import type { CliContext } from '../cli-context.ts';
import { withOutput } from '../client-options.ts';
import { printResult, type OutputFormat } from '../output/output-format.ts';
import type { KubeOptions } from './kube-flags.ts';
import { withKube, type KubeSession } from './kube-session.ts';

interface OrderOptions extends KubeOptions {
  readonly output: OutputFormat;
  readonly timeout: number;
  readonly to?: string;
}

/** A hand-over that waits for a slow slave, and the failover after it if that fails. */
const TIMEOUT_MS = 60_000;

/** What the operator is asked to do, by annotations; each waits until it is done. */
export function addOrderCommands(program: Command, context: CliContext): void {
  const order = (name: string, description: string): Command =>
    withOutput(program.command(name).description(description)).option(
      '--timeout <duration>',
      'longest wait until it is done',
      durationArgument,
      TIMEOUT_MS,
    );
  order('switchover <group>', 'make another member the master, without losing or refusing anything')
    .option('--to <member>', 'the new master; otherwise the most advanced member in sync')
    .action((group: string, _: unknown, command: Command) => switchover(context, group, command));
  order('fence <what>', 'keep a member from being master, or a whole group from having one').action(
    (what: string, _: unknown, command: Command) => fence(context, what, true, command),
  );
  order('unfence <what>', 'let a member be master again, or a group have one').action(
    (what: string, _: unknown, command: Command) => fence(context, what, false, command),
  );
  order('pause [cluster]', 'change nothing in Kubernetes any more; failovers go on').action(
    (name: string | undefined, _: unknown, command: Command) => pause(context, name, true, command),
  );
  order('resume [cluster]', 'follow the spec of the cluster again').action(
    (name: string | undefined, _: unknown, command: Command) =>
      pause(context, name, false, command),
  );
}

async function switchover({ terminal }: CliContext, name: string, command: Command): Promise<void> {
  const options = command.optsWithGlobals<OrderOptions>();
  const outcome = await withKube(options, async (session) => {
    const { kube, namespace } = session.access;
    const { group, member = '' } = await findTarget(kube, namespace, name, options.cluster);
    return switchOver(group, options.to ?? member, portsOf(session, options));
  });
  const data = outcome.kind === 'done' ? outcome.transition : outcome;
  printResult(terminal, options.output, data, () => switchoverText(name, outcome));
}

function switchoverText(name: string, outcome: SwitchoverOutcome): string {
  if (outcome.kind === 'unchanged') return `${name}: ${outcome.master} is the master already`;
  const { oldMaster, newMaster, newEpoch, durationMs, phases } = outcome.transition;
  const steps = phases.map((phase) => `${phase.name} ${Math.round(phase.durationMs)}`).join(', ');
  return `${name}: ${newMaster} is master in place of ${oldMaster}, epoch ${newEpoch}, after ${Math.round(durationMs)} ms (${steps})`;
}

async function fence(
  { terminal }: CliContext,
  what: string,
  isFenced: boolean,
  command: Command,
): Promise<void> {
  const options = command.optsWithGlobals<OrderOptions>();
  const outcome = await withKube(options, async (session) => {
    const { kube, namespace } = session.access;
    const target = await findTarget(kube, namespace, what, options.cluster);
    return setFence(target, isFenced, portsOf(session, options));
  });
  printResult(terminal, options.output, outcome, () => fenceText(outcome));
}

function fenceText({ group, fencedMembers, isGroupFenced, master }: FenceOutcome): string {
  const who = master === '' ? 'no master' : `master ${master}`;
  const members = fencedMembers.length === 0 ? 'nobody' : fencedMembers.join(', ');
  return `${group}: ${who}; fenced: ${isGroupFenced ? 'the group' : members}`;
}

async function pause(
  { terminal }: CliContext,
  name: string | undefined,
  isPaused: boolean,
  command: Command,
): Promise<void> {
  const options = command.optsWithGlobals<OrderOptions>();
  const cluster = await withKube(options, async (session) => {
    const { kube, namespace } = session.access;
    const found = await findCluster(kube, namespace, name ?? options.cluster);
    await setPause(found, isPaused, portsOf(session, options));
    return found.metadata.name;
  });
  const data = { cluster, paused: isPaused };
  printResult(terminal, options.output, data, () =>
    isPaused
      ? `${cluster} is paused: nothing of it is changed in Kubernetes; failovers still take place`
      : `${cluster} follows its spec again`,
  );
}

function portsOf(
  { access, environment, signal }: KubeSession,
  { timeout }: OrderOptions,
): OrderPorts {
  const { clock, timers } = environment;
  return { kube: access.kube, clock, timers, timeoutMs: timeout, signal };
}
