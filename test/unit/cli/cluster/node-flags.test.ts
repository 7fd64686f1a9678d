import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { engineFlags } from '../../../../cli/cluster/node-flags.ts';

describe('the flags of the engine', () => {
  it('are the same in the image as in a cluster on one machine', () => {
    const dockerfile = readFileSync('Dockerfile', 'utf8');
    const [, words = ''] = /^ENTRYPOINT \[(.*)\]$/m.exec(dockerfile) ?? [];
    const flags = words.split(', ').filter((word) => word.startsWith('"--'));
    expect(flags.map((flag) => JSON.parse(flag) as unknown)).toEqual(engineFlags('broker'));
  });

  it('leave alone what passes no messages through', () => {
    expect(engineFlags('controller')).toEqual([]);
  });
});
