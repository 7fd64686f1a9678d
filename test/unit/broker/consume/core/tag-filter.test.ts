import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  matches,
  mayMatch,
  parseTagFilter,
  type TagFilter,
} from '../../../../../broker/consume/core/tag-filter.ts';
import { tagHash } from '../../../../../broker/state/hash.ts';

function parsed(expression: string, hash: (tag: string) => number = tagHash): TagFilter {
  const filter = parseTagFilter(expression, hash);
  if ('refused' in filter) throw new Error(filter.refused);
  return filter;
}

const isRefused = (expression: string): boolean => 'refused' in parseTagFilter(expression, tagHash);

const tags = fc.stringMatching(/^[a-zA-Z0-9_ä-]{1,12}$/);
const spaces = fc.stringMatching(/^[ \t]{0,3}$/);

describe('a tag expression', () => {
  it.each(['', '   ', '*', ' * ', 'A || *', '* || A'])('%j selects every message', (expression) => {
    const filter = parsed(expression);
    expect(filter.key).toBe('*');
    expect([matches(filter, undefined), matches(filter, 'A'), mayMatch(filter, 0)]).toEqual([
      true,
      true,
      true,
    ]);
  });

  it.each(['||', 'A ||', '|| A', 'A || || B', 'A | B', 'A|', '|', 'A ||| B'])(
    '%j is refused, with the way to write it',
    (expression) => {
      expect(parseTagFilter(expression, tagHash)).toEqual({
        refused: expect.stringMatching(/write 'A \|\| B'/),
      });
    },
  );

  it('selects the messages that carry one of its tags, and none without a tag', () => {
    fc.assert(
      fc.property(fc.uniqueArray(tags, { minLength: 1, maxLength: 8 }), tags, (wanted, other) => {
        const filter = parsed(wanted.join(' || '));
        for (const tag of [...wanted, other]) {
          expect(matches(filter, tag)).toBe(wanted.includes(tag));
          if (wanted.includes(tag)) expect(mayMatch(filter, tagHash(tag))).toBe(true);
        }
        expect([matches(filter, undefined), mayMatch(filter, 0)]).toEqual([false, false]);
      }),
    );
  });

  it('has one key however its tags are ordered, repeated and spaced, and the key means the same', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(tags, { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(5), { maxLength: 4 }),
        spaces,
        (wanted, repeated, space) => {
          const plain = parsed(wanted.join('||'));
          const again = [...wanted].reverse().concat(repeated.map((i) => wanted[i] ?? ''));
          const written = again.filter((tag) => tag !== '').join(`${space}||${space}`);
          const filter = parsed(`${space}${written}${space}`);
          expect(filter.key).toBe(plain.key);
          expect(parsed(filter.key)).toEqual(filter);
        },
      ),
    );
  });

  it('tells colliding hashes apart on the tag itself', () => {
    const filter = parsed('A', () => 7);
    expect([mayMatch(filter, 7), matches(filter, 'A'), matches(filter, 'B')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('has at most 256 different tags', () => {
    const many = (count: number): string =>
      Array.from({ length: count }, (_, i) => `tag${i}`).join('||');
    expect([isRefused(many(256)), isRefused(many(257))]).toEqual([false, true]);
    expect(isRefused(`${many(256)}||tag0||tag1`)).toBe(false);
    expect(parseTagFilter(many(257), tagHash)).toEqual({
      refused: expect.stringContaining('at most 256'),
    });
  });
});
