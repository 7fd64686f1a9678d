import { describe, expect, it } from '@jest/globals';
import type { Explanation } from '../../../../../../operator/failover/core/explain.ts';
import {
  groupHealth,
  type HealthFacts,
} from '../../../../../../operator/reconcile/broker-group/core/group-health.ts';
import { stableRecord } from '../../../../../support/group-objects.ts';

const EXPLANATION: Explanation = {
  ...{ winner: 'm1', isLossless: true, atRiskBytes: 0, blockers: [], reasons: [] },
};
const WELL: HealthFacts = {
  ...{
    record: stableRecord(),
    explanation: EXPLANATION,
    isMasterWritable: true,
    notWritableReason: '',
  },
  nameServers: { all: 3, answering: 3 },
};

describe('whether a failover is possible', () => {
  it('is so while somebody would win and most NameServers answer', () => {
    for (const answering of [3, 2]) {
      const health = groupHealth({ ...WELL, nameServers: { all: 3, answering } });
      expect(health.FailoverPossible).toMatchObject({ status: 'True', reason: 'AsSpecified' });
    }
  });

  it('is not while a master that is lost with its node would not be missed', () => {
    const { FailoverPossible, Ready } = groupHealth({
      ...WELL,
      nameServers: { all: 3, answering: 1 },
    });
    expect(FailoverPossible).toMatchObject({ status: 'False', reason: 'NameServersUnreachable' });
    expect(FailoverPossible.message).toContain('1 of 3 NameServers answer');
    expect(Ready.status).toBe('True');
  });

  it('is not, and says why, while nobody would win', () => {
    const blockers = ['m1 does not answer'];
    const explanation = { ...EXPLANATION, winner: '', blockers };
    expect(groupHealth({ ...WELL, explanation }).FailoverPossible).toEqual({
      ...{ status: 'False', reason: 'FailoverBlocked', message: 'm1 does not answer' },
    });
  });

  it('is not known before the members were asked', () => {
    const { FailoverPossible } = groupHealth({ ...WELL, explanation: undefined });
    expect(FailoverPossible).toMatchObject({ status: 'Unknown', reason: 'Waiting' });
  });
});
