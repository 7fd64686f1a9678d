import { describe, expect, it } from '@jest/globals';
import {
  explainFailover,
  type ExplanationPorts,
} from '../../../../operator/tool/group-explanation.ts';
import { FakeKube } from '../../../support/fake-kube.ts';
import { clusterObject, groupObject, stableRecord } from '../../../support/group-objects.ts';
import { ManualTime } from '../../../support/manual-time.ts';

function ports(parts: Partial<ExplanationPorts> = {}): ExplanationPorts {
  const random = { bytes: (length: number) => Buffer.alloc(length), uint32: () => 0 };
  return {
    ...{ environment: { clock: new ManualTime(), random }, kube: new FakeKube() },
    tunnel: () => Promise.reject(new Error('port-forward is forbidden')),
    ...parts,
  };
}

const condition = (type: string, status: 'True' | 'False', message: string) => ({
  ...{ type, status, reason: 'AsSpecified', message },
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

function groupThatSays(...conditions: readonly ReturnType<typeof condition>[]) {
  const group = groupObject(stableRecord());
  return { ...group, status: { ...group.status!, conditions: [...conditions] } };
}

describe('who would take over', () => {
  it('is what the operator found out, where the members cannot be asked', async () => {
    const group = groupThatSays(
      condition('FailoverPossible', 'True', 'c-broker-0-1 would take over'),
      condition('AckedDataProtected', 'True', ''),
    );
    const { note, ...answer } = await explainFailover(clusterObject(), group, ports());
    expect(answer).toEqual({
      ...{ group: 'c-broker-0', master: 'c-broker-0-0', winner: 'c-broker-0-1', lossless: true },
      ...{ atRiskBytes: 0, blockers: [], reasons: [], basis: 'operator' },
    });
    expect(note).toContain('Secret c-peers has no secret');
  });

  it('tells that messages may be lost where the operator says that they are not protected', async () => {
    const group = groupThatSays(
      condition('FailoverPossible', 'True', 'c-broker-0-1 would take over'),
      condition('AckedDataProtected', 'False', 'asynchronous'),
    );
    const { lossless, atRiskBytes } = await explainFailover(clusterObject(), group, ports());
    expect([lossless, atRiskBytes]).toEqual([false, -1]);
  });

  it('tells what is in the way, and why nobody was asked', async () => {
    const kube = new FakeKube();
    kube.put({
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'c-peers', namespace: 'n' } },
      data: { secret: Buffer.from('0123456789abcdef').toString('base64') },
    } as never);
    const group = groupThatSays(
      condition('FailoverPossible', 'False', 'no member; c-broker-0-1 is fenced'),
    );
    const answer = await explainFailover(clusterObject(), group, ports({ kube }));
    expect(answer).toMatchObject({ winner: '', blockers: ['no member', 'c-broker-0-1 is fenced'] });
    expect(answer.note).toContain('port-forward is forbidden');
  });
});
