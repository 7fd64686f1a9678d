import { describe, expect, it } from '@jest/globals';
import type { WrittenBrokerClusterSpec } from '../../../../operator/api/broker-cluster-schema.ts';
import { formatAddress } from '../../../../common/options/parse-value.ts';
import {
  groupAddress,
  nameServersExternalAddress,
  type AdvertisedAddress,
  type ObservedOutside,
} from '../../../../operator/resource/advertised-address.ts';
import { contextOf } from './clusters.ts';

type External = NonNullable<NonNullable<WrittenBrokerClusterSpec['listeners']>['external']>;

const NOTHING: ObservedOutside = { service: undefined, nodeHost: undefined };
const NODE_PORT: ObservedOutside = { service: { nodePort: 31_234 }, nodeHost: '192.0.2.1' };
const balanced = (ingress: { ip?: string; hostname?: string }): ObservedOutside => ({
  service: { nodePort: 31_234, ingress: [ingress] },
  nodeHost: '192.0.2.1',
});

function shown(address: AdvertisedAddress | undefined): string {
  if (address === undefined) return 'none';
  return address.isKnown ? formatAddress(address.address) : `waits for ${address.waitsFor}`;
}

const addressOf = (external: External, observed: ObservedOutside): string =>
  shown(groupAddress(contextOf({ groups: 3, listeners: { external } }), 2, observed));

describe('what clients are told of a group', () => {
  it('is its Service, when they are all inside', () => {
    expect(shown(groupAddress(contextOf({}), 0, NOTHING))).toBe('demo-broker-0.mq.svc:8081');
  });

  it.each<[string, External, ObservedOutside, string]>([
    ['an address of a node', { type: 'NodePort' }, NODE_PORT, '192.0.2.1:31234'],
    [
      'the host of the spec, with the port of the node',
      { type: 'NodePort', advertisedHost: 'mq.example.com' },
      { ...NODE_PORT, nodeHost: undefined },
      'mq.example.com:31234',
    ],
    [
      'the host of a load balancer',
      { type: 'LoadBalancer' },
      balanced({ hostname: 'lb-2.example.com' }),
      'lb-2.example.com:8081',
    ],
    ['its address', { type: 'LoadBalancer' }, balanced({ ip: '203.0.113.7' }), '203.0.113.7:8081'],
    [
      'a name of its own, from the template',
      {
        type: 'LoadBalancer',
        advertisedHost: '{index}.{group}.{cluster}.{namespace}.example.com',
        advertisedPort: 443,
      },
      NOTHING,
      '2.broker-2.demo.mq.example.com:443',
    ],
  ])('can be %s', (_, external, observed, expected) => {
    expect(addressOf(external, observed)).toBe(expected);
  });

  it.each<[External, ObservedOutside, string]>([
    [{ type: 'NodePort' }, NOTHING, 'waits for an address of a node'],
    [{ type: 'NodePort', advertisedHost: 'mq.example.com' }, NOTHING, 'waits for the port'],
    [
      { type: 'NodePort', advertisedHost: 'h', nodePortBase: 31_000 },
      NOTHING,
      'waits for its Service',
    ],
    [{ type: 'LoadBalancer' }, NODE_PORT, 'waits for the address of the load balancer'],
  ])('is waited for with %j', (external, observed, expected) => {
    expect(addressOf(external, observed)).toContain(expected);
  });
});

describe('where clients outside begin', () => {
  it('is nowhere without an external listener', () => {
    expect(shown(nameServersExternalAddress(contextOf({}), NODE_PORT))).toBe('none');
  });

  it('is a name beside those of the groups', () => {
    const external: External = { type: 'LoadBalancer', advertisedHost: '{group}.example.com' };
    const context = contextOf({ listeners: { external } });
    expect(shown(nameServersExternalAddress(context, NOTHING))).toBe('namesrv.example.com:8081');
  });
});
