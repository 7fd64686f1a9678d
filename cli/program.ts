import { Command } from 'commander';
import type { ProgramContext } from './cli-context.ts';
import { addBenchCommands } from './commands/bench.ts';
import { addClusterCommands } from './commands/cluster.ts';
import { addCompletionCommands } from './commands/completion.ts';
import { addGroupCommands } from './commands/group.ts';
import { addReceiveCommand } from './commands/receive.ts';
import { addRoleCommands } from './commands/role.ts';
import { addSendCommand } from './commands/send.ts';
import { addStatusCommand } from './commands/status.ts';
import { addStoreCommands } from './commands/store.ts';
import { addTopicCommands } from './commands/topic.ts';
import { EndpointAccess } from './endpoint-access.ts';

const EXAMPLES = `
Examples:
  orbitmq standalone                       run everything in one process
  orbitmq cluster                          run a replicated cluster on this machine
  orbitmq topic create orders --queues 16  make a topic
  orbitmq send orders 'hello'              send a message
  orbitmq receive orders --follow          receive and acknowledge messages
  orbitmq group describe orbitmq-cli       see how far a consumer group is

docs/reference/options.md has every option, docs/reference/errors.md every error and exit code.`;

/** The whole command line. Nothing heavy is loaded before a command runs. */
export function buildProgram(given: ProgramContext): Command {
  const context = { ...given, servers: new EndpointAccess(given.terminal) };
  const program = new Command('orbitmq')
    .description('OrbitMQ: a message queue that speaks the RocketMQ 5 gRPC protocol')
    .version(context.version, '-V, --version', 'show the version')
    .option('-v, --verbose', 'show where an error comes from')
    .addHelpText('after', EXAMPLES)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.terminal.out(text),
      // Errors are said once, by main.ts, in our own form.
      writeErr: () => undefined,
    });

  program.commandsGroup('Run a node:');
  addRoleCommands(program, context);
  addClusterCommands(program, context);
  program.commandsGroup('Administer:');
  addTopicCommands(program, context);
  addGroupCommands(program, context);
  addStatusCommand(program, context);
  addStoreCommands(program, context);
  program.commandsGroup('Use:');
  addSendCommand(program, context);
  addReceiveCommand(program, context);
  addBenchCommands(program, context);
  program.commandsGroup('Other:');
  addCompletionCommands(program, context);
  program.helpCommand('help [command]', 'show help for a command');
  return program;
}
