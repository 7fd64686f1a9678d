import { describe, expect, it } from '@jest/globals';
import { LeaderElection } from '../../../../operator/kube/leader-election.ts';
import { FakeLeases } from '../../../support/fake-leases.ts';
import { KubePortsKit, settle } from '../../../support/kube-ports.ts';

const state = (): { fault?: 'unreachable' | undefined } => ({});

function candidate(kit: KubePortsKit, leases: FakeLeases, identity: string, fault = state()) {
  const options = { namespace: 'n', name: 'operator', identity };
  const election = new LeaderElection(options, { ...kit.ports, client: leases.client(fault) });
  election.start();
  return election;
}

describe('leader election', () => {
  it('makes the first one the leader, and renews without reading', async () => {
    const [kit, leases] = [new KubePortsKit(), new FakeLeases()];
    const a = candidate(kit, leases, 'a');
    await a.elected();
    expect(a.isLeader).toBe(true);
    const { reads } = leases;
    await kit.pass(60_000, 500);
    expect(a.isLeader).toBe(true);
    expect(leases.reads).toBe(reads);
    expect(leases.lease?.spec).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0 });
    await a.stop();
  });

  it('hands over at once when the leader stops', async () => {
    const [kit, leases] = [new KubePortsKit(), new FakeLeases()];
    const a = candidate(kit, leases, 'a');
    await a.elected();
    const b = candidate(kit, leases, 'b');
    await kit.pass(20_000, 500);
    expect(b.isLeader).toBe(false);
    await a.stop();
    expect(a.isLeader).toBe(false);
    expect(a.signal.aborted).toBe(true);
    expect(leases.lease?.spec?.holderIdentity).toBe('');
    await kit.pass(5_000, 500);
    expect(b.isLeader).toBe(true);
    expect(leases.lease?.spec?.leaseTransitions).toBe(1);
    expect(kit.fatal).toEqual([]);
    await b.stop();
  });

  it('gives the lease back also when a renewal that was given up arrives late', async () => {
    const [kit, leases] = [new KubePortsKit(), new FakeLeases()];
    const a = candidate(kit, leases, 'a');
    await a.elected();
    leases.afterNextFind = () => leases.touch();
    await a.stop();
    expect(leases.lease?.spec?.holderIdentity).toBe('');
  });

  it('does not try for ever to give the lease back', async () => {
    const [kit, leases] = [new KubePortsKit(), new FakeLeases()];
    const a = candidate(kit, leases, 'a');
    await a.elected();
    const touchAgain = (): void => {
      leases.touch();
      leases.afterNextFind = touchAgain;
    };
    touchAgain();
    await a.stop();
    expect(leases.lease?.spec?.holderIdentity).toBe('a');
    expect(kit.fatal).toEqual([]);
  });

  it('ends the process of a leader that cannot renew, before another one can lead', async () => {
    const [kit, leases, fault] = [new KubePortsKit(), new FakeLeases(), state()];
    const a = candidate(kit, leases, 'a', fault);
    await a.elected();
    const b = candidate(kit, leases, 'b');
    await kit.pass(4_000, 500);
    fault.fault = 'unreachable';
    let [aLeadsMs, bLeadsMs] = [0, Infinity];
    for (let ms = 0; ms < 30_000; ms += 250) {
      await kit.pass(250, 250);
      if (a.isLeader) aLeadsMs = ms;
      if (b.isLeader) bLeadsMs = Math.min(bLeadsMs, ms);
    }
    expect(aLeadsMs).toBeLessThanOrEqual(10_000);
    expect(bLeadsMs).toBeGreaterThan(aLeadsMs + 2_000);
    expect(bLeadsMs).toBeLessThan(22_000);
    expect(a.signal.aborted).toBe(true);
    expect(kit.fatal).toEqual([expect.objectContaining({ code: 'leadership-lost' })]);
    await Promise.all([a.stop(), b.stop()]);
  });

  it('ends the process of a leader whose lease somebody else has taken', async () => {
    const [kit, leases] = [new KubePortsKit(), new FakeLeases()];
    const a = candidate(kit, leases, 'a');
    await a.elected();
    leases.lease = {
      ...leases.lease!,
      metadata: { ...leases.lease!.metadata, resourceVersion: 'other' },
      spec: { ...leases.lease!.spec, holderIdentity: 'thief', renewTime: 'now' },
    };
    await kit.pass(5_000, 500);
    expect(a.isLeader).toBe(false);
    expect(kit.fatal).toHaveLength(1);
    await a.stop();
    expect(leases.lease.spec?.holderIdentity).toBe('thief');
  });

  it('survives calls that fail for less than the deadline', async () => {
    const [kit, leases, fault] = [new KubePortsKit(), new FakeLeases(), state()];
    const a = candidate(kit, leases, 'a', fault);
    await a.elected();
    fault.fault = 'unreachable';
    await kit.pass(7_000, 500);
    fault.fault = undefined;
    await kit.pass(20_000, 500);
    expect(a.isLeader).toBe(true);
    expect(kit.fatal).toEqual([]);
    await a.stop();
  });

  it('can be stopped while it waits', async () => {
    const [kit, leases] = [new KubePortsKit(), new FakeLeases()];
    const a = candidate(kit, leases, 'a');
    await a.elected();
    const b = candidate(kit, leases, 'b');
    const elected = b.elected();
    await settle();
    await b.stop();
    await elected;
    expect(b.isLeader).toBe(false);
    expect(leases.lease?.spec?.holderIdentity).toBe('a');
    await a.stop();
    expect(kit.time.waiting).toBe(0);
  });
});
