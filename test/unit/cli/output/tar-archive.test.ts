import { describe, expect, it } from '@jest/globals';
import { TAR_END, tarEntry } from '../../../../cli/output/tar-archive.ts';

const text = (entry: Buffer, start: number, end: number): string =>
  entry.toString('latin1', start, end).replace(/\0.*$/s, '');

describe('an archive', () => {
  it('has a header of one block and content in whole blocks', () => {
    const entry = tarEntry({ path: 'a/b.txt', content: Buffer.from('hello') }, 1_000_000);
    expect(entry.length).toBe(1_024);
    expect(text(entry, 0, 100)).toBe('a/b.txt');
    expect([text(entry, 124, 136), text(entry, 136, 148)]).toEqual(['00000000005', '00000001750']);
    expect([text(entry, 257, 263), text(entry, 156, 157)]).toEqual(['ustar', '0']);
    expect(text(entry, 512, 517)).toBe('hello');
    expect(TAR_END.length).toBe(1_024);
  });

  it('has the sum of the header, its own field as spaces', () => {
    const entry = tarEntry({ path: 'x', content: Buffer.alloc(0) }, 0);
    const header = Buffer.from(entry.subarray(0, 512));
    const sum = Number.parseInt(text(header, 148, 154), 8);
    header.fill(' ', 148, 156);
    expect(sum).toBe(header.reduce((total, byte) => total + byte, 0));
  });

  it('divides a long path at a slash', () => {
    const folder = 'f'.repeat(90);
    const entry = tarEntry({ path: `${folder}/${'n'.repeat(90)}`, content: Buffer.alloc(0) }, 0);
    expect([text(entry, 345, 500), text(entry, 0, 100)]).toEqual([folder, 'n'.repeat(90)]);
    expect(() => tarEntry({ path: 'n'.repeat(101), content: Buffer.alloc(0) }, 0)).toThrow(
      'too long',
    );
  });
});
