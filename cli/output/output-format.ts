import { stringify } from 'yaml';
import type { Terminal } from '../terminal.ts';

export const OUTPUT_FORMATS = ['table', 'json', 'yaml'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Writes one result: as data for programs, or as what `view` makes of it for a person. */
export function printResult(
  terminal: Terminal,
  format: OutputFormat,
  data: unknown,
  view: () => string,
): void {
  if (format === 'json') terminal.out(`${JSON.stringify(data, null, 2)}\n`);
  else if (format === 'yaml') terminal.out(stringify(data));
  else terminal.out(`${view()}\n`);
}

/** Writes one of many results that come one after the other: JSON lines, YAML documents, or lines of text. */
export function printItem(
  terminal: Terminal,
  format: OutputFormat,
  data: unknown,
  view: () => string,
): void {
  if (format === 'json') terminal.out(`${JSON.stringify(data)}\n`);
  else if (format === 'yaml') terminal.out(`---\n${stringify(data)}`);
  else terminal.out(`${view()}\n`);
}
