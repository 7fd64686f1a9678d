import { lookup } from 'node:dns/promises';

/**
 * All addresses that a name has, as the system resolves it (hosts file included). Of a name with both kinds only those of IPv4:
 * two addresses are to be two nodes, not one node twice.
 */
export async function resolveHost(host: string): Promise<readonly string[]> {
  const all = await lookup(host, { all: true });
  const ipv4 = all.filter(({ family }) => family === 4);
  return (ipv4.length > 0 ? ipv4 : all).map(({ address }) => address);
}
