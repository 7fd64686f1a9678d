import Table from 'cli-table3';

const NO_BORDER = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left'],
    ...['bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
  ].map((part) => [part, '']),
);

type Cell = string | number | boolean | null | undefined;

/** Columns under capital headings, as kubectl does; easy for eyes and for `awk`. */
export function textTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const table = new Table({
    head: header.map((name) => name.toUpperCase()),
    chars: { ...NO_BORDER, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: header.map((_, column) => (isNumeric(rows, column) ? 'right' : 'left')),
  });
  table.push(...rows.map((row) => row.map((cell) => printable(showCell(cell)))));
  return trimLines(table.toString());
}

/** `name  value`, one to a line. */
export function fieldList(fields: readonly (readonly [string, Cell])[]): string {
  const shown = fields.filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => `${name.padEnd(width)}  ${printable(showCell(value))}`)
    .join('\n');
}

/** Names come from other people: nothing in them may move the cursor. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '�');
}

function showCell(cell: Cell): string {
  if (cell === undefined || cell === null || cell === '') return '-';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  return String(cell);
}

function isNumeric(rows: readonly (readonly Cell[])[], column: number): boolean {
  return rows.length > 0 && rows.every((row) => typeof row[column] === 'number');
}

function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}
