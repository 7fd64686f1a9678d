import { describe, expect, it } from '@jest/globals';
import { supportBundle, type BundlePorts } from '../../../../operator/tool/support-bundle.ts';
import type { Pod } from '../../../../operator/kube/resource.ts';
import { FakeKube } from '../../../support/fake-kube.ts';
import {
  clusterObject,
  groupObject,
  podObject,
  stableRecord,
} from '../../../support/group-objects.ts';

const SECRET = 'a-secret-that-nobody-may-see';

function world(): FakeKube {
  const kube = new FakeKube();
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': SECRET };
  kube.put(clusterObject('c', { metadata: { name: 'c', annotations } }));
  kube.put(groupObject(stableRecord()));
  const env = [
    { name: 'API_TOKEN', value: SECRET },
    { name: 'TZ', value: 'UTC' },
  ];
  const restarted = { containerStatuses: [{ name: 'broker', restartCount: 1 }] };
  const spec = { containers: [{ name: 'broker', env }] };
  kube.put(podObject('c-broker-0-0', { spec, status: restarted } as unknown as Partial<Pod>));
  kube.put({
    ...{ apiVersion: 'v1', kind: 'Secret' },
    metadata: { name: 'c-peers', namespace: 'n', labels: { 'orbitmq.io/cluster': 'c' } },
    data: { secret: Buffer.from(SECRET).toString('base64') },
  } as never);
  for (const cluster of ['c', 'other']) {
    kube.put({
      ...{ apiVersion: 'orbitmq.io/v1alpha1', kind: 'Topic' },
      ...{ metadata: { name: `topic-of-${cluster}`, namespace: 'n' } },
      spec: { clusterRef: { name: cluster } },
    } as never);
  }
  return kube;
}

async function filesOf(
  kube: FakeKube,
  parts: Partial<BundlePorts> = {},
): Promise<Map<string, string>> {
  const ports: BundlePorts = {
    ...{ kube, version: '1.2.3', bytesMax: 10_000_000, clock: { nowMs: () => 0 } },
    log: async function* (_at, { previous }) {
      yield Buffer.from(previous === true ? 'it was before\n' : `password=${SECRET} is wrong\n`);
    },
    explain: () => Promise.resolve([]),
    onProgress: () => undefined,
    ...parts,
  };
  const files = new Map<string, string>();
  for await (const { path, content } of supportBundle(clusterObject(), ports)) {
    files.set(path, content.toString());
  }
  return files;
}

describe('a support bundle', () => {
  it('has resources, status, logs of this run and the one before', async () => {
    const files = await filesOf(world());
    expect([...files.keys()]).toEqual(
      expect.arrayContaining([
        ...['README.txt', 'status.yaml', 'explain-failover.yaml', 'resources/brokerclusters.yaml'],
        ...['resources/brokergroups.yaml', 'resources/pods.yaml', 'resources/events.yaml'],
        ...['logs/c-broker-0-0.broker.log', 'logs/c-broker-0-0.broker.previous.log'],
      ]),
    );
    expect(files.get('logs/c-broker-0-0.broker.previous.log')).toContain('it was before');
    expect(files.get('resources/brokergroups.yaml')).toContain('phase: stable');
  });

  it('has no secret in any file, but tells which there are', async () => {
    const files = await filesOf(world());
    const encoded = Buffer.from(SECRET).toString('base64');
    for (const [path, text] of files) {
      expect([path, text.includes(SECRET), text.includes(encoded)]).toEqual([path, false, false]);
    }
    expect(files.get('resources/secrets.yaml')).toMatch(/name: c-peers[\s\S]*keys:\s+- secret/);
    expect(files.get('resources/pods.yaml')).toContain('value: UTC');
  });

  it('has only what belongs to its cluster', async () => {
    const topics = (await filesOf(world())).get('resources/topics.yaml') ?? '';
    expect([topics.includes('topic-of-c'), topics.includes('topic-of-other')]).toEqual([
      true,
      false,
    ]);
  });

  it('names what cannot be read, and what is too large for it', async () => {
    const files = await filesOf(world(), {
      bytesMax: 20_000,
      explain: () => Promise.reject(new Error('not allowed')),
      log: async function* () {
        yield Buffer.alloc(30_000, 'x');
      },
    });
    const about = files.get('README.txt') ?? '';
    expect(about).toContain('who would take over: not allowed');
    expect(about).toContain('logs/c-broker-0-0.broker.log: left out, it has 30000 bytes');
    expect(files.has('logs/c-broker-0-0.broker.log')).toBe(false);
  });

  it('keeps the end of a log that is too long', async () => {
    const part = Buffer.alloc(1_000_000, 'x');
    const files = await filesOf(world(), {
      log: async function* () {
        for (let i = 0; i < 5; i++) yield part;
        yield Buffer.from('the end');
      },
    });
    const log = files.get('logs/c-broker-0-0.broker.log') ?? '';
    expect([log.endsWith('the end'), log.length < 3_200_000]).toEqual([true, true]);
  });
});
