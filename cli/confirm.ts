import { createInterface } from 'node:readline/promises';
import process from 'node:process';
import { MqError } from '../common/errors/mq-error.ts';
import type { Terminal } from './terminal.ts';

/** Asks before something that cannot be undone. Without a terminal nobody can answer: then `--yes` is needed. */
export async function confirm(terminal: Terminal, what: string, isSure = false): Promise<void> {
  if (isSure) return;
  if (terminal.isInputTty && terminal.isErrorTty) {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await lines.question(`${what}? [y/N] `);
    lines.close();
    if (/^y(es)?$/i.test(answer.trim())) return;
  }
  throw new MqError('confirmation-required', { what: `"${what}"` });
}
