import { describe, expect, it } from '@jest/globals';
import {
  planSpread,
  SPREAD_AFTER_MS,
  type Host,
  type PlacedServer,
} from '../../../../../../operator/reconcile/cluster/core/spread-plan.ts';

const open = (...names: string[]): readonly Host[] => names.map((name) => ({ name, isOpen: true }));

/** NameServers s0, s1, … on these hosts; the later ones are younger. */
function on(...hosts: string[]): PlacedServer[] {
  return hosts.map((host, index) => ({
    ...{ name: `s${index}`, host },
    readyForMs: SPREAD_AFTER_MS + 10_000 - index,
  }));
}

describe('a NameServer moves', () => {
  it('to a host that has none, when it shares its own: the youngest of those that do', () => {
    expect(planSpread(on('a', 'b', 'a'), 3, open('a', 'b', 'c'))).toEqual({
      ...{ server: 's2', other: 's0', host: 'a', free: ['c'] },
    });
    expect(planSpread(on('a', 'a', 'a'), 3, open('c', 'a', 'b'))).toEqual({
      ...{ server: 's2', other: 's0', host: 'a', free: ['b', 'c'] },
    });
  });

  it.each<[string, PlacedServer[], number, readonly Host[]]>([
    ['each has a host of its own', on('a', 'b', 'c'), 3, open('a', 'b', 'c', 'd')],
    ['every host has one', on('a', 'b', 'a'), 3, open('a', 'b')],
    ['no nodes are seen', on('a', 'a', 'a'), 3, []],
    [
      'the free host is closed',
      on('a', 'b', 'a'),
      3,
      [...open('a', 'b'), { name: 'c', isOpen: false }],
    ],
    ['one is missing', on('a', 'a'), 3, open('a', 'b')],
    ['one is there that is to go', on('a', 'a', 'b'), 1, open('a', 'b', 'c')],
    [
      'one is not ready',
      [...on('a', 'a'), { name: 's2', host: 'b', readyForMs: undefined }],
      3,
      open('a', 'b', 'c'),
    ],
    [
      'one was not ready a while ago',
      [...on('a', 'a'), { name: 's2', host: 'b', readyForMs: SPREAD_AFTER_MS - 1 }],
      3,
      open('a', 'b', 'c'),
    ],
  ])('not when %s', (_, servers, wanted, hosts) => {
    expect(planSpread(servers, wanted, hosts)).toBeUndefined();
  });
});
