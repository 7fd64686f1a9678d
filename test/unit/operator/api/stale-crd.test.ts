import { describe, expect, it } from '@jest/globals';
import {
  crdSchemas,
  SCHEMA_HASH_ANNOTATION,
  type CustomResourceDefinition,
} from '../../../../operator/api/crd.ts';
import { compareCrd } from '../../../../operator/api/stale-crd.ts';

const [ours] = crdSchemas();
if (ours === undefined) throw new Error('there is a definition');

/** The same one under another hash, changed as text. */
function otherCrd(change: (text: string) => string): CustomResourceDefinition {
  const text = JSON.stringify({
    ...ours,
    metadata: { ...ours?.metadata, annotations: { [SCHEMA_HASH_ANNOTATION]: 'other' } },
  });
  return JSON.parse(change(text)) as CustomResourceDefinition;
}

describe('what is installed', () => {
  it('is current when its schema is the same', () => {
    expect(compareCrd(ours, ours)).toMatchObject({ state: 'current', missingFields: [] });
  });

  it('is missing when it is not there', () => {
    expect(compareCrd(ours, undefined).state).toBe('missing');
  });

  it('is outdated when it would drop a field that a user sets, and the field is named', () => {
    const older = otherCrd((text) => text.replaceAll('"writeLease":{', '"lease":{'));
    expect(compareCrd(ours, older)).toEqual({
      name: 'brokerclusters.orbitmq.io',
      state: 'outdated',
      missingFields: ['spec.heartbeat.writeLease'],
    });
  });

  it('is newer when it only has more', () => {
    const newer = otherCrd((text) =>
      text.replace('"writeLease":{', '"further":{"type":"string"},"writeLease":{'),
    );
    expect(compareCrd(ours, newer).state).toBe('newer');
  });

  it('is different when it bounds the same fields otherwise', () => {
    const bounded = otherCrd((text) => text.replace('"maximum":64', '"maximum":32'));
    expect(compareCrd(ours, bounded).state).toBe('different');
  });
});
