/** How a `FailoverModel` is moved along: what goes on in a cluster all the time. */
import type { GroupSpec } from '../../operator/failover/core/group-spec.ts';
import { FailoverModel } from './failover-model.ts';

export const MEMBERS: readonly string[] = ['m0', 'm1', 'm2'];
export const NAME_SERVERS: readonly string[] = ['n0', 'n1', 'n2'];
export const CONTROLLERS: readonly string[] = ['c0', 'c1'];

const BEAT_MS = 500;

/** Heartbeats go out all the time, to whoever can be reached. */
export function pass(model: FailoverModel, ms: number): void {
  for (let leftMs = ms; leftMs > 0; leftMs -= BEAT_MS) {
    model.nowMs += Math.min(leftMs, BEAT_MS);
    for (const m of MEMBERS) for (const n of NAME_SERVERS) model.heartbeat(m, n);
  }
}

export function isolate(model: FailoverModel, name: string): void {
  for (const other of [...MEMBERS, ...NAME_SERVERS, ...CONTROLLERS]) {
    model.cut.add(`${name}>${other}`);
  }
}

/** One controller looks at everything and does what is to be done. */
export function settle(model: FailoverModel, controller: string): void {
  for (const n of NAME_SERVERS) model.askNameServer(controller, n);
  for (const m of MEMBERS) model.ask(controller, m);
  for (let step = 0; step < 6; step++) {
    model.plan(controller);
    model.commit(controller);
  }
}

/** Slaves take what there is, and masters ask for the sets that they would like. */
export function replicate(model: FailoverModel): void {
  for (const a of MEMBERS) {
    for (const b of MEMBERS) {
      model.replicate(a, b);
      model.wish(a, b);
    }
    model.confirm(a);
  }
}

/** The cluster runs for a while, with one controller or both. */
export function live(
  model: FailoverModel,
  ms: number,
  controllers: readonly string[] = CONTROLLERS,
): void {
  for (let leftMs = ms; leftMs > 0; leftMs -= BEAT_MS) {
    pass(model, BEAT_MS);
    for (const controller of controllers) settle(model, controller);
    replicate(model);
  }
}

export function isWhole(model: FailoverModel): boolean {
  const { stored } = model;
  const isLevel = stored?.syncStateSet.length === MEMBERS.length;
  return isLevel && stored.phase === 'stable' && model.servingMaster() !== undefined;
}

/** Everything is repaired, and there is time for all members to be in the set again. */
export function heal(model: FailoverModel): void {
  model.cut.clear();
  for (const m of MEMBERS) {
    model.freeDisk(m);
    model.restart(m);
  }
  for (let round = 0; round < 60 && !isWhole(model); round++) live(model, BEAT_MS);
}

/** A group of three in which all is well. */
export function wholeGroup(
  options: Pick<GroupSpec, 'replication' | 'uncleanElection'>,
): FailoverModel {
  const model = new FailoverModel(MEMBERS.length, options);
  heal(model);
  return model;
}
