import { Argument, type Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { candidates, commandTree } from '../completion/command-tree.ts';
import { shellScript, SHELLS, type Shell } from '../completion/shell-scripts.ts';

export function addCompletionCommands(program: Command, { terminal }: CliContext): void {
  program
    .command('completion')
    .description('write the completion script for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: Shell) => terminal.out(shellScript(shell)));
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action((words: readonly string[]) => {
      for (const { word, description } of candidates(commandTree(program), words)) {
        terminal.out(`${word}\t${description}\n`);
      }
    });
}
