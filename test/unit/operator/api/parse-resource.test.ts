import { describe, expect, it } from '@jest/globals';
import { epoch } from '../../../../common/model/offsets.ts';
import { BROKER_GROUP_STATUS } from '../../../../operator/api/broker-group-schema.ts';
import type { KubernetesObject } from '../../../../operator/api/object-meta.ts';
import { parseResource } from '../../../../operator/api/parse-resource.ts';
import { schemaProblems } from '../../../../operator/api/schema-problems.ts';
import { newRecord, type GroupRecord } from '../../../../operator/failover/core/group-record.ts';
import { recordFromJson, recordToJson } from '../../../../operator/failover/record-json.ts';

const cluster = (spec: unknown): KubernetesObject =>
  ({
    apiVersion: 'orbitmq.io/v1alpha1',
    kind: 'BrokerCluster',
    metadata: { name: 'demo' },
    spec,
  }) as KubernetesObject;

function problemsOf(spec: unknown): readonly string[] {
  const parsed = parseResource('BrokerCluster', cluster(spec));
  return parsed.ok ? [] : parsed.problems;
}

describe('a resource from the API server', () => {
  it('has the defaults of fields that its schema did not know yet', () => {
    const parsed = parseResource('BrokerCluster', cluster({ groups: 2 }));
    expect(parsed).toMatchObject({
      ok: true,
      resource: { spec: { groups: 2, heartbeat: { writeLease: '3500ms' } } },
    });
  });

  it('may have no spec at all, where all of it has defaults', () => {
    expect(problemsOf(undefined)).toEqual([]);
  });

  it.each([
    [{ groups: 0 }, 'spec.groups must be at least 1, and is 0'],
    [{ groups: '2' }, 'spec.groups must be a whole number, and is "2"'],
    [{ flush: 'never' }, 'spec.flush must be one of sync, async, and is "never"'],
    [{ heartbeat: { interval: '1' } }, 'spec.heartbeat.interval must match'],
    [{ storage: { size: 'ten' } }, 'spec.storage.size must be a quantity as 10Gi, and is "ten"'],
    [{ template: { env: [{ value: 'x' }] } }, 'spec.template.env[0].name is missing'],
    [{ options: { a: 1 } }, 'spec.options.a must be a text, and is 1'],
    [{ tls: { peers: 'yes' } }, 'spec.tls.peers must be true or false'],
    [{ imagePullSecrets: 'registry' }, 'spec.imagePullSecrets must be a list'],
    [{ namesrv: 3 }, 'spec.namesrv must be an object'],
  ])('%j is refused: %s', (spec, problem) => {
    expect(problemsOf(spec)).toEqual([expect.stringContaining(problem)]);
  });
});

describe('the status of a BrokerGroup', () => {
  const spec = {
    brokerName: 'broker-0',
    members: [{ name: 'a', address: { host: 'a.example.com', port: 8081 } }],
    replication: 'sync' as const,
    minInSyncReplicas: 1,
    uncleanElection: false,
  };
  const transition = {
    reason: 'a is silent',
    cause: 'silent' as const,
    ...{ oldEpoch: epoch(1), oldMaster: 'a', startedAtMs: 1_700_000_000_000, logEndOffset: 7 },
    phases: [{ name: 'detected' as const, durationMs: 12.5 }],
    ...{ isUnclean: false, lostBytesMax: -1 },
  };
  const full: GroupRecord = {
    ...newRecord(spec),
    ...{ epoch: epoch(2), phase: 'stable', master: { name: 'a', runId: 'run-1' } },
    ...{ syncStateSet: ['a'], setVersion: 3, fencedMembers: ['b'], blocked: 'why' },
    earlierTerms: { replication: 'async', uncleanElection: true },
    transition: { ...transition, target: '', onFailure: 'revoke', phaseAtMs: 1 },
    transitions: [{ ...transition, newEpoch: epoch(2), newMaster: 'a', durationMs: 99.9 }],
  };

  it.each([
    ['new', newRecord(spec)],
    ['full', full],
  ])('takes a record that is %s, and gives it back whole', (_, record) => {
    const written: unknown = JSON.parse(recordToJson(record));
    expect(schemaProblems(BROKER_GROUP_STATUS, written, 'status')).toEqual([]);
    expect(unknownFields(BROKER_GROUP_STATUS.kind, written, 'status')).toEqual([]);
    expect(recordFromJson(written)).toEqual(record);
  });
});

/** What the API server would drop. */
function unknownFields(kind: unknown, value: unknown, path: string): readonly string[] {
  const { fields, of } = kind as {
    fields?: Record<string, { kind: unknown }>;
    of?: { kind: unknown };
  };
  if (Array.isArray(value)) return value.flatMap((item) => unknownFields(of?.kind, item, path));
  if (fields === undefined || typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => {
    const field = fields[name];
    return field === undefined
      ? [`${path}.${name}`]
      : unknownFields(field.kind, item, `${path}.${name}`);
  });
}
