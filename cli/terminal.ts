import process from 'node:process';

/** Where the command line reads and writes; a test hands in its own. */
export interface Terminal {
  out(text: string): void;
  /** For what is not the result: progress, warnings, questions. */
  error(text: string): void;
  /** Whether a person reads the result. */
  readonly isOutputTty: boolean;
  readonly isErrorTty: boolean;
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard input as text, in parts. */
  input(): AsyncIterable<Buffer>;
  readonly isInputTty: boolean;
}

const COLUMNS_DEFAULT = 100;

export function nodeTerminal(): Terminal {
  // A reader that has enough, such as `head`, is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  return {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    isOutputTty: process.stdout.isTTY,
    isErrorTty: process.stderr.isTTY,
    columns: process.stdout.columns || COLUMNS_DEFAULT,
    env: process.env,
    input: () => process.stdin,
    isInputTty: process.stdin.isTTY,
  };
}
