import { beforeEach, describe, expect, it } from '@jest/globals';
import { isMqError } from '../../../../common/errors/mq-error.ts';
import { KubeError, type KubeFailure } from '../../../../operator/kube/kube-error.ts';
import {
  findCluster,
  findGateway,
  findTarget,
  operatorPods,
  type ReadApi,
} from '../../../../operator/tool/cluster-lookup.ts';
import { inPlainWords } from '../../../../operator/tool/kube-access.ts';
import { FakeKube } from '../../../support/fake-kube.ts';
import { clusterObject, groupObject, podObject } from '../../../support/group-objects.ts';

const failure = (kind: KubeFailure): KubeError =>
  new KubeError({ kind, status: 0, message: 'list brokerclusters: why' });

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    return isMqError(error) ? `${error.code}: ${error.message} ${error.hint}` : 'another error';
  }
}

describe('what a person means', () => {
  let kube: FakeKube;

  beforeEach(() => {
    kube = new FakeKube();
  });

  describe('by a cluster', () => {
    it('is the only one of the namespace when none is named', async () => {
      kube.put(clusterObject('c'));
      expect((await findCluster(kube, 'n', undefined)).metadata.name).toBe('c');
    });

    it('is asked back when there are several', async () => {
      kube.put(clusterObject('c'));
      kube.put(clusterObject('b'));
      const said = await refusal(findCluster(kube, 'n', undefined));
      expect(said).toMatch(/^kube-object-ambiguous: .* could be any of b, c .*--cluster/);
      expect((await findCluster(kube, 'n', 'b')).metadata.name).toBe('b');
    });

    it('is told what there is when it is not there', async () => {
      kube.put(clusterObject('c'));
      expect(await refusal(findCluster(kube, 'n', 'x'))).toMatch(
        /^kube-object-missing: no BrokerCluster x in namespace n There are: c\./,
      );
      expect(await refusal(findCluster(kube, 'other', undefined))).toMatch(
        /no BrokerCluster in namespace other -n names another/,
      );
    });

    it('is told that OrbitMQ is not installed where the kind is not known', async () => {
      const without: ReadApi = {
        find: () => Promise.reject(failure('not-found')),
        list: () => Promise.reject(failure('not-found')),
      };
      expect(await refusal(findCluster(without, 'n', 'c'))).toMatch(
        /^kube-definitions-missing: .*does not know brokerclusters.*--context/,
      );
    });
  });

  describe('by a broker group or a member', () => {
    beforeEach(() => {
      kube.put(groupObject());
    });

    it.each([
      ['c-broker-0', undefined],
      ['broker-0', undefined],
      ['c-broker-0-1', 'c-broker-0-1'],
    ])('%s is found', async (text, member) => {
      const target = await findTarget(kube, 'n', text, undefined);
      expect([target.group.metadata.name, target.member]).toEqual(['c-broker-0', member]);
    });

    it('is asked back when two clusters have a group of that name, unless the cluster is said', async () => {
      kube.put(groupObject(undefined, 'd'));
      const said = await refusal(findTarget(kube, 'n', 'broker-0', undefined));
      expect(said).toMatch(/^kube-object-ambiguous: broker-0 .*c-broker-0, d-broker-0/);
      const { group } = await findTarget(kube, 'n', 'broker-0', 'd');
      expect(group.metadata.name).toBe('d-broker-0');
    });

    it('is told which groups there are', async () => {
      const said = await refusal(findTarget(kube, 'n', 'broker-7', undefined));
      expect(said).toContain('The broker groups are: c-broker-0.');
    });
  });

  it('reaches a cluster through a NameServer that is ready', async () => {
    kube.put(clusterObject());
    kube.put(podObject('c-namesrv-0', {}, false));
    kube.put(podObject('c-broker-0-0'));
    expect(await refusal(findGateway(kube, 'n', undefined))).toContain(
      'NameServer of c that is ready',
    );
    kube.put(podObject('c-namesrv-1'));
    expect(await findGateway(kube, 'n', undefined)).toBe('c-namesrv-1');
  });

  it('knows our operator from those of others', async () => {
    const labels = { 'app.kubernetes.io/component': 'operator' };
    const metadata = { namespace: 'o', labels };
    const env = [{ name: 'ORBITMQ_LEASE_NAME', value: 'x' }];
    const ours = { containers: [{ name: 'operator', env }] };
    kube.put(podObject('a', { metadata: { ...metadata, name: 'a' } }));
    kube.put(podObject('b', { metadata: { ...metadata, name: 'b' }, spec: ours }));
    expect((await operatorPods(kube)).map((pod) => pod.metadata.name)).toEqual(['b']);
  });
});

describe('what Kubernetes refuses', () => {
  it.each([
    ['forbidden', 'kube-forbidden'],
    ['unreachable', 'kube-unreachable'],
    ['conflict', 'kube-refused'],
    ['invalid', 'kube-refused'],
  ] as const)('%s is %s', (kind, code) => {
    expect(inPlainWords(failure(kind))).toMatchObject({ code });
  });

  it('leaves what is none of its failures as it is', () => {
    const bug = new Error('a bug');
    expect(inPlainWords(bug)).toBe(bug);
  });
});
