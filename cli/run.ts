import { CommanderError, type Command } from 'commander';
import { exitCode } from '../common/errors/exit-codes.ts';
import { MqError } from '../common/errors/mq-error.ts';
import { fatalReport, fatalText } from '../common/lifecycle/fatal.ts';
import type { ProgramContext } from './cli-context.ts';

/** Runs one command line and returns the exit code; a node that was started goes on running. */
export async function runCommandLine(
  context: ProgramContext,
  program: Command,
  words: readonly string[],
): Promise<number> {
  if (words.length === 0) {
    program.outputHelp();
    return exitCode('ok');
  }
  try {
    await program.parseAsync(words, { from: 'user' });
    return exitCode('ok');
  } catch (error) {
    return report(context, program, error, words);
  }
}

function report(
  { terminal }: ProgramContext,
  program: Command,
  thrown: unknown,
  words: readonly string[],
): number {
  if (isHelpOrVersion(thrown)) return exitCode('ok');
  const error = thrown instanceof CommanderError ? usageError(thrown, program, words) : thrown;
  const fatal = fatalReport(error);
  const isVerbose = program.opts<{ verbose?: boolean }>().verbose === true;
  const shown = isVerbose ? { ...fatal, stack: stackOf(thrown) } : fatal;
  terminal.error(fatalText(shown));
  return fatal.exitCode;
}

function isHelpOrVersion(thrown: unknown): boolean {
  if (!(thrown instanceof CommanderError)) return false;
  return thrown.exitCode === 0;
}

/** commander's sentence in our form: `unknown option '--x'; did you mean --y?` */
function usageError(error: CommanderError, program: Command, words: readonly string[]): MqError {
  const help = `${commandPath(program, words)} --help`;
  if (error.code === 'commander.help') {
    return new MqError('usage-invalid', { reason: 'a command is missing', help });
  }
  const reason = error.message
    .replace(/^error: /, '')
    .replace(/\n\((Did [^)]*)\)/, (_, hint: string) => {
      return `; ${hint[0]?.toLowerCase() ?? ''}${hint.slice(1)}`;
    });
  return new MqError('usage-invalid', { reason, help });
}

/** The innermost command that the words name. */
function commandPath(program: Command, words: readonly string[]): string {
  let command = program;
  let path = program.name();
  for (const word of words) {
    const child = command.commands.find((candidate) => candidate.name() === word);
    if (child === undefined) break;
    command = child;
    path += ` ${word}`;
  }
  return path;
}

function stackOf(thrown: unknown): string {
  const stack =
    typeof thrown === 'object' && thrown !== null && 'stack' in thrown ? thrown.stack : '';
  return String(stack);
}
