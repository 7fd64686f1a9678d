import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import { describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { groupAddress } from '../../../../operator/resource/advertised-address.ts';
import type { ClusterContext } from '../../../../operator/resource/cluster-context.ts';
import {
  clusterObjects,
  groupObjects,
  groupServices,
} from '../../../../operator/resource/cluster-objects.ts';
import { peerSecret, tlsSecret } from '../../../../operator/resource/secrets.ts';
import type { KubernetesObject } from '../../../../operator/api/object-meta.ts';
import { CLUSTERS, contextOf } from './clusters.ts';

const FOLDER = join(import.meta.dirname, 'golden');
/** To accept what is rendered now: UPDATE_GOLDEN=1, and read the difference. */
const IS_UPDATE = env['UPDATE_GOLDEN'] === '1';

const material = {
  authority: 'authority',
  authorityKey: 'key of the authority',
  certificate: 'certificate',
  key: 'key',
};

function objectsOf(context: ClusterContext): readonly KubernetesObject[] {
  const { groups, tls } = context.spec;
  const indexes = Array.from({ length: groups }, (_, index) => index);
  const outside = {
    service: { nodePort: 31_001, ingress: [{ ip: '203.0.113.7' }] },
    nodeHost: '192.0.2.1',
  };
  return [
    peerSecret(context, 'a-secret-of-sixteen-bytes'),
    ...(tls.secretName === undefined ? [tlsSecret(context, material)] : []),
    ...clusterObjects(context),
    ...indexes.flatMap((index) => {
      const advertised = groupAddress(context, index, outside);
      return [
        ...groupServices(context, index),
        ...(advertised.isKnown
          ? groupObjects(context, { index, advertised: advertised.address })
          : []),
      ];
    }),
  ];
}

function rendered(context: ClusterContext): string {
  return objectsOf(context)
    .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}

describe('objects of a cluster', () => {
  it.each(Object.keys(CLUSTERS))('%s are as the golden file says', (name) => {
    const file = join(FOLDER, `${name}.yaml`);
    const text = rendered(contextOf(CLUSTERS[name] ?? {}));
    if (IS_UPDATE) writeFileSync(file, text);
    expect(existsSync(file)).toBe(true);
    expect(text).toBe(readFileSync(file, 'utf8'));
  });

  it.each(Object.keys(CLUSTERS))('%s have each a name of its own', (name) => {
    const names = objectsOf(contextOf(CLUSTERS[name] ?? {})).map(
      ({ kind, metadata }) => `${kind}/${metadata.name}`,
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it('belong to their cluster, so that they go with it', () => {
    for (const { metadata } of objectsOf(contextOf(CLUSTERS['production'] ?? {}))) {
      expect(metadata.namespace).toBe('mq');
      expect(metadata.ownerReferences?.[0]).toMatchObject({
        kind: 'BrokerCluster',
        controller: true,
      });
    }
  });

  it('are the same for the same cluster, byte for byte', () => {
    const context = (): ClusterContext => contextOf(CLUSTERS['production'] ?? {});
    expect(rendered(context())).toBe(rendered(context()));
  });

  it('have names that Kubernetes takes, for the longest name of a cluster', () => {
    const longest = 'c'.repeat(40);
    const context = contextOf(
      { groups: 64, replicasPerGroup: 9, ...CLUSTERS['load-balancer'] },
      longest,
    );
    // The label of a revision is the name of the StatefulSet and a hash of ten characters.
    const revision = `${longest}-broker-63-0123456789`;
    const names = objectsOf({ ...context, spec: { ...context.spec, groups: 64 } }).map(
      ({ metadata }) => metadata.name,
    );
    for (const name of [...names, revision]) expect(name.length).toBeLessThanOrEqual(63);
  });
});
