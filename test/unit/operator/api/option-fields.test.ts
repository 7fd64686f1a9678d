import { describe, expect, it } from '@jest/globals';
import { NODE_OPTIONS } from '../../../../common/options/node-options.ts';
import { RESERVED_OPTIONS, SETTABLE_OPTIONS } from '../../../../operator/api/option-fields.ts';

describe('options in the spec', () => {
  it('are all those of brokers and NameServers that the operator does not set itself', () => {
    const clusterRoles = Object.entries(NODE_OPTIONS).filter(([, { roles }]) =>
      roles.some((role) => role === 'broker' || role === 'namesrv'),
    );
    const keys = clusterRoles.map(([key]) => key).sort();
    const known = [...SETTABLE_OPTIONS.values(), ...Object.keys(RESERVED_OPTIONS)];
    expect(known.sort()).toEqual(keys);
  });

  it('have the names of the configuration file', () => {
    expect(SETTABLE_OPTIONS.get('store.cacheBytes')).toBe('cacheBytes');
    expect(SETTABLE_OPTIONS.get('replication.inSyncTimeout')).toBe('inSyncTimeoutMs');
    expect(SETTABLE_OPTIONS.has('store.flush')).toBe(false);
  });
});
