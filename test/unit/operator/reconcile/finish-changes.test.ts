import { beforeEach, describe, expect, it } from '@jest/globals';
import { finishChanges } from '../../../../operator/reconcile/finish-changes.ts';
import { KubePortsKit } from '../../../support/kube-ports.ts';

describe('an operator that stops', () => {
  let kit: KubePortsKit;
  const failovers = { isChanging: false };
  const groups = { isIdle: true };
  let isDone: boolean;

  beforeEach(() => {
    kit = new KubePortsKit();
    Object.assign(failovers, { isChanging: false });
    Object.assign(groups, { isIdle: true });
    isDone = false;
  });

  function stop(): Promise<void> {
    const environment = { clock: kit.time, timers: kit.time };
    return finishChanges({ failovers, groups }, environment).then(() => {
      isDone = true;
    });
  }

  it('waits for nothing when no master is being changed', async () => {
    await stop();
    expect(kit.time.monotonicMs()).toBe(0);
  });

  it('stays until the new master serves and the label of its pod is moved', async () => {
    failovers.isChanging = true;
    const stopped = stop();
    await kit.pass(500, 25);
    expect(isDone).toBe(false);
    Object.assign(groups, { isIdle: false });
    failovers.isChanging = false;
    await kit.pass(200, 25);
    expect(isDone).toBe(false);
    groups.isIdle = true;
    await kit.pass(50, 25);
    await stopped;
  });

  it('leaves a change that does not come to its end to the next operator', async () => {
    failovers.isChanging = true;
    const stopped = stop();
    await kit.pass(2_900, 100);
    expect(isDone).toBe(false);
    await kit.pass(200, 100);
    await stopped;
  });
});
