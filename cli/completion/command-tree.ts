import type { Command } from 'commander';

/** What can be typed after a command, without commander's own things: the input of all completions. */
export interface CommandNode {
  readonly name: string;
  readonly description: string;
  readonly commands: readonly CommandNode[];
  readonly flags: readonly CommandFlag[];
}

export interface CommandFlag {
  /** `--endpoint` */
  readonly long: string;
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

export function commandTree(command: Command): CommandNode {
  const { commands, flags } = visible(command);
  return {
    name: command.name(),
    description: command.description(),
    commands: commands.map(commandTree),
    flags,
  };
}

function visible(command: Command): { commands: Command[]; flags: CommandFlag[] } {
  const help = command.createHelp();
  return {
    commands: help.visibleCommands(command).filter((child) => child.name() !== 'help'),
    flags: help.visibleOptions(command).map((option) => ({
      long: option.long ?? option.short ?? '',
      description: option.description.replace(/ \(.*$/s, ''),
      takesValue: option.required,
      choices: option.argChoices ?? [],
    })),
  };
}

/** A thing that may be typed next. */
export interface Candidate {
  readonly word: string;
  readonly description: string;
}

/** What may stand in place of the last of `words`, which may be empty or half typed. */
export function candidates(root: CommandNode, words: readonly string[]): Candidate[] {
  const current = words.at(-1) ?? '';
  let node = root;
  let pending: CommandFlag | undefined;
  for (const word of words.slice(0, -1)) {
    if (pending !== undefined) pending = undefined;
    else if (word.startsWith('-')) pending = valueFlag(node, word);
    else node = node.commands.find(({ name }) => name === word) ?? node;
  }
  return possible(node, pending, current).filter(({ word }) => word.startsWith(current));
}

function valueFlag(node: CommandNode, word: string): CommandFlag | undefined {
  return node.flags.find(({ long, takesValue }) => long === word && takesValue);
}

function possible(
  node: CommandNode,
  pending: CommandFlag | undefined,
  current: string,
): Candidate[] {
  if (pending !== undefined) return pending.choices.map((word) => ({ word, description: '' }));
  if (current.startsWith('-')) {
    return node.flags.map(({ long, description }) => ({ word: long, description }));
  }
  return node.commands.map(({ name, description }) => ({ word: name, description }));
}
