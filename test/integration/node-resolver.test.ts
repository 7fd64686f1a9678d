import { describe, expect, it } from '@jest/globals';
import { resolveHost } from '../../common/environment/node/node-resolver.ts';

describe('the resolver of the system', () => {
  it('takes localhost for one node, although it may have addresses of two kinds', async () => {
    const addresses = await resolveHost('localhost');
    expect(addresses.length).toBeGreaterThan(0);
    expect(
      addresses.every((address) => address.startsWith('127.')) ||
        !addresses.some((address) => address.includes('.')),
    ).toBe(true);
  });

  it('rejects for a name that does not exist', async () => {
    await expect(resolveHost('no-such-host.invalid')).rejects.toThrow(/no-such-host\.invalid/);
  });
});
