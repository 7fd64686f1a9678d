import { describe, expect, it } from '@jest/globals';
import { CONDITION_REASONS, CONDITIONS } from '../../../../operator/api/conditions.ts';
import { EVENTS } from '../../../../operator/api/events.ts';
import { KINDS } from '../../../../operator/api/kinds.ts';

/** What the API server takes as a reason. */
const WORD = /^[A-Z][A-Za-z]{1,63}$/;

describe('conditions and events', () => {
  it('are words in the manner of Kubernetes', () => {
    const words = [...Object.keys(CONDITIONS), ...CONDITION_REASONS, ...Object.keys(EVENTS)];
    expect(words.filter((word) => !WORD.test(word))).toEqual([]);
    expect(new Set(CONDITION_REASONS).size).toBe(CONDITION_REASONS.length);
  });

  it('are shown in columns only where a kind has them', () => {
    for (const { kind, columns } of KINDS) {
      const types = columns.flatMap(({ jsonPath }) => /type=="(\w+)"/.exec(jsonPath)?.[1] ?? []);
      for (const type of types) {
        const definition = Object.entries(CONDITIONS).find(([name]) => name === type)?.[1];
        expect(definition?.kinds).toContain(kind);
      }
    }
  });
});
