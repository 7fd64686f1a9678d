import { describe, expect, it } from '@jest/globals';
import { sizeText } from '../../../../cli/output/size-text.ts';
import { fieldList, textTable } from '../../../../cli/output/text-table.ts';

describe('textTable', () => {
  it('has capital headings and numbers to the right', () => {
    expect(
      textTable(
        ['name', 'lag'],
        [
          ['a', 5],
          ['longer', 1_000],
        ],
      ),
    ).toBe('NAME     LAG\na          5\nlonger  1000');
  });

  it('shows what is absent as a dash and statements as words', () => {
    expect(textTable(['a', 'b'], [[undefined, true]])).toBe('A  B\n-  yes');
  });

  it('does not let a name move the cursor', () => {
    expect(textTable(['a'], [['x\u001b[2J\ny']])).not.toContain('\u001b');
    expect(fieldList([['a', 'x\ny']])).toBe('a  x�y');
  });
});

describe('sizeText', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_536, '1.5 KiB'],
    [2 ** 30, '1 GiB'],
    [123 * 2 ** 20 + 1, '123 MiB'],
  ])('%d is %s', (bytes, text) => {
    expect(sizeText(bytes)).toBe(text);
  });
});
