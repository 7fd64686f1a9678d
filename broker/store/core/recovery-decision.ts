/**
 * What to do with what stands at a position of the log after a restart. One row of the table matches, always; the rows
 * are the specification, repeated in docs/internals/file-format.md.
 *
 * | row | header  | body      | position        | decision     |
 * |-----|---------|-----------|-----------------|--------------|
 * | A   | whole   | good      | any             | accept       |
 * | B   | whole   | foreign   | any             | unsupported  |
 * | C   | absent  | none      | unproven        | end          |
 * | D   | absent  | none      | sealed          | next-segment |
 * | E   | absent  | none      | proven          | corrupt      |
 * | F   | short   | none      | unproven        | truncate     |
 * | G   | short   | none      | proven, sealed  | corrupt      |
 * | H   | zero    | none      | unproven        | truncate     |
 * | I   | zero    | none      | proven, sealed  | corrupt      |
 * | J   | invalid | none      | unproven        | truncate     |
 * | K   | invalid | none      | proven, sealed  | corrupt      |
 * | L   | whole   | short     | unproven        | truncate     |
 * | M   | whole   | short     | proven, sealed  | corrupt      |
 * | N   | whole   | damaged   | unproven        | truncate     |
 * | O   | whole   | damaged   | proven, sealed  | corrupt      |
 * | P   | whole   | misplaced | unproven        | truncate     |
 * | Q   | whole   | misplaced | proven, sealed  | corrupt      |
 *
 * Row E: the file ends early, though bytes beyond its end were durable. Row B: intact bytes of a newer program are never
 * thrown away.
 */
import { assert } from '../../../common/assert.ts';
import type { RecordState } from './record-state.ts';

export type HeaderState =
  | 'absent' // the file ends exactly here
  | 'short' // it ends within the header
  | 'zero' // all header bytes are zero
  | 'invalid' // a length that no record can have
  | 'whole';

export type BodyState =
  | 'none' // there is no header that could say where it ends
  | 'short' // the file ends before the record does
  | 'damaged' // wrong checksum
  | 'misplaced' // intact, but written for another offset
  | 'foreign' // intact and in place, of a version or type this program does not know
  | 'good';

export type Position =
  | 'unproven' // nothing says that this byte was ever durable
  | 'proven' // below the checkpoint, the snapshot, or the durableOffset of an intact later record
  | 'sealed'; // in a segment that has a successor

export type Decision = 'accept' | 'end' | 'next-segment' | 'truncate' | 'corrupt' | 'unsupported';

export interface RecoveryRow {
  readonly label: string;
  readonly header: HeaderState;
  readonly body: BodyState;
  readonly positions: readonly Position[];
  readonly decision: Decision;
}

const ANY: readonly Position[] = ['unproven', 'proven', 'sealed'];
const DURABLE: readonly Position[] = ['proven', 'sealed'];

export const recoveryTable: readonly RecoveryRow[] = [
  { label: 'A', header: 'whole', body: 'good', positions: ANY, decision: 'accept' },
  { label: 'B', header: 'whole', body: 'foreign', positions: ANY, decision: 'unsupported' },
  { label: 'C', header: 'absent', body: 'none', positions: ['unproven'], decision: 'end' },
  { label: 'D', header: 'absent', body: 'none', positions: ['sealed'], decision: 'next-segment' },
  { label: 'E', header: 'absent', body: 'none', positions: ['proven'], decision: 'corrupt' },
  { label: 'F', header: 'short', body: 'none', positions: ['unproven'], decision: 'truncate' },
  { label: 'G', header: 'short', body: 'none', positions: DURABLE, decision: 'corrupt' },
  { label: 'H', header: 'zero', body: 'none', positions: ['unproven'], decision: 'truncate' },
  { label: 'I', header: 'zero', body: 'none', positions: DURABLE, decision: 'corrupt' },
  { label: 'J', header: 'invalid', body: 'none', positions: ['unproven'], decision: 'truncate' },
  { label: 'K', header: 'invalid', body: 'none', positions: DURABLE, decision: 'corrupt' },
  { label: 'L', header: 'whole', body: 'short', positions: ['unproven'], decision: 'truncate' },
  { label: 'M', header: 'whole', body: 'short', positions: DURABLE, decision: 'corrupt' },
  { label: 'N', header: 'whole', body: 'damaged', positions: ['unproven'], decision: 'truncate' },
  { label: 'O', header: 'whole', body: 'damaged', positions: DURABLE, decision: 'corrupt' },
  { label: 'P', header: 'whole', body: 'misplaced', positions: ['unproven'], decision: 'truncate' },
  { label: 'Q', header: 'whole', body: 'misplaced', positions: DURABLE, decision: 'corrupt' },
];

/** What the codec found, in the words of the table. `isFileEnd`: no byte follows. */
export function describeState(
  state: RecordState,
  isFileEnd: boolean,
): { header: HeaderState; body: BodyState } {
  switch (state) {
    case 'ok':
      return { header: 'whole', body: 'good' };
    case 'short-header':
      return { header: isFileEnd ? 'absent' : 'short', body: 'none' };
    case 'zero-header':
      return { header: 'zero', body: 'none' };
    case 'bad-length':
      return { header: 'invalid', body: 'none' };
    case 'short-body':
      return { header: 'whole', body: 'short' };
    case 'bad-crc':
      return { header: 'whole', body: 'damaged' };
    case 'wrong-position':
      return { header: 'whole', body: 'misplaced' };
    case 'bad-version':
    case 'bad-type':
      return { header: 'whole', body: 'foreign' };
  }
}

/** The one row that matches. */
export function decideRecovery(
  header: HeaderState,
  body: BodyState,
  position: Position,
): RecoveryRow {
  const rows = recoveryTable.filter(
    (row) => row.header === header && row.body === body && row.positions.includes(position),
  );
  const [row] = rows;
  assert(
    row !== undefined && rows.length === 1,
    `${rows.length} recovery rows for ${header}, ${body}, ${position}`,
  );
  return row;
}
