import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import {
  decideRecovery,
  describeState,
  type Position,
  recoveryTable,
} from '../../../../../broker/store/core/recovery-decision.ts';
import type { RecordState } from '../../../../../broker/store/core/record-state.ts';

const states: RecordState[] = [
  'short-header',
  'zero-header',
  'bad-length',
  'short-body',
  'bad-crc',
  'wrong-position',
  'bad-version',
  'bad-type',
  'ok',
];
const positions: Position[] = ['unproven', 'proven', 'sealed'];

describe('recovery table', () => {
  it('has exactly one row for everything that can be found', () => {
    const used = new Set<string>();
    for (const state of states) {
      for (const isFileEnd of [true, false]) {
        for (const position of positions) {
          const { header, body } = describeState(state, isFileEnd);
          used.add(decideRecovery(header, body, position).label);
        }
      }
    }
    expect([...used].sort().join('')).toBe(recoveryTable.map((row) => row.label).join(''));
  });

  it('never truncates what is proven or sealed, and never refuses over what is neither, but for newer formats', () => {
    for (const row of recoveryTable) {
      if (row.decision === 'truncate') expect(row.positions).toEqual(['unproven']);
      if (row.decision === 'corrupt') expect(row.positions).not.toContain('unproven');
    }
  });

  it('asserts on a combination that cannot be', () => {
    expect(() => decideRecovery('absent', 'good', 'proven')).toThrow('0 recovery rows');
  });

  it.each(['broker/store/core/recovery-decision.ts', 'docs/internals/file-format.md'])(
    'is the table in %s',
    (file) => {
      const text = readFileSync(new URL(`../../../../../${file}`, import.meta.url), 'utf8');
      const rows = [
        ...text.matchAll(/\| ([A-Z]) +\| (\w+) +\| (\w+) +\| ([\w, ]+?) +\| ([\w-]+) +\|/g),
      ].map((match) => match.slice(1).join(' '));
      const expected = recoveryTable.map((row) =>
        [
          row.label,
          row.header,
          row.body,
          row.positions.length === 3 ? 'any' : row.positions.join(', '),
          row.decision,
        ].join(' '),
      );
      expect(rows).toEqual(expected);
    },
  );
});
