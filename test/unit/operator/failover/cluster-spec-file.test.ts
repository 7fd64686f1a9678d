import { describe, expect, it } from '@jest/globals';
import {
  ClusterSpecFile,
  parseClusterSpec,
} from '../../../../operator/failover/cluster-spec-file.ts';

const GOOD = `
clusterName: orders
nameServers: ['127.0.0.1:9876', 'ns.local:9877']
processDirectory: /run/orbitmq
groups:
  - name: broker-a
    replication: sync
    minInSyncReplicas: 2
    members:
      - { name: broker-a-0, address: '127.0.0.1:8091' }
      - { name: broker-a-1, address: '[::1]:8092' }
`;

describe('cluster spec', () => {
  it('is read from YAML, with the usual values for what is not said', () => {
    expect(parseClusterSpec(GOOD)).toEqual({
      clusterName: 'orders',
      nameServers: [
        { host: '127.0.0.1', port: 9876 },
        { host: 'ns.local', port: 9877 },
      ],
      processDirectory: '/run/orbitmq',
      groups: [
        {
          brokerName: 'broker-a',
          replication: 'sync',
          minInSyncReplicas: 2,
          uncleanElection: false,
          members: [
            { name: 'broker-a-0', address: { host: '127.0.0.1', port: 8091 } },
            { name: 'broker-a-1', address: { host: '::1', port: 8092 } },
          ],
        },
      ],
    });
  });

  it.each([
    ['no groups', 'nameServers: []', 'groups is missing'],
    ['a key of somebody else', GOOD.replace('clusterName', 'cluster'), 'cluster is not known here'],
    ['an address without port', GOOD.replace(':8091', ''), 'groups[0].members[0].address'],
    ['a mode that is none', GOOD.replace('sync', 'often'), 'groups[0].replication is "often"'],
    [
      'more replicas than members',
      GOOD.replace('s: 2', 's: 3'),
      'groups[0].minInSyncReplicas is 3',
    ],
    ['one member twice', GOOD.replace('broker-a-1', 'broker-a-0'), 'members: "broker-a-0"'],
    ['a name that is a path', GOOD.replace('name: broker-a\n', 'name: ../x\n'), 'groups[0].name'],
    ['no map', '- 1', 'the file must be a map'],
  ])('is refused with %s, and the field is named', (_, text, reason) => {
    expect(() => parseClusterSpec(text)).toThrow(reason);
  });

  it('names the file when it is not there', async () => {
    const disk = {
      readFile: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOENT' })),
    };
    await expect(new ClusterSpecFile(disk, 'c.yaml').read()).rejects.toMatchObject({
      code: 'cluster-spec-unusable',
      message: 'cluster spec c.yaml: it does not exist',
    });
  });
});
