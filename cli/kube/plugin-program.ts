import { Command } from 'commander';
import type { ProgramContext } from '../cli-context.ts';
import { addGroupCommands } from '../commands/group.ts';
import { addReceiveCommand } from '../commands/receive.ts';
import { addSendCommand } from '../commands/send.ts';
import { addTopicCommands } from '../commands/topic.ts';
import { addBundleCommand } from './bundle-command.ts';
import { addExplainCommand } from './explain-command.ts';
import { addGatewayCommands } from './gateway-commands.ts';
import { addKubeFlags, type KubeOptions } from './kube-flags.ts';
import { KubeServerAccess } from './kube-server-access.ts';
import { addLogsCommand } from './logs-command.ts';
import { addOrderCommands } from './order-commands.ts';
import { addKubeStatusCommand } from './status-command.ts';

const EXAMPLES = `
Examples:
  kubectl orbitmq status                       the cluster of this namespace, its groups and pods
  kubectl orbitmq explain-failover broker-0    who would take over, and what would be lost
  kubectl orbitmq switchover broker-0          another master, in good order
  kubectl orbitmq send orders 'hello'          through a port-forward
  kubectl orbitmq logs broker-0 -f             of all members of a group
  kubectl orbitmq support-bundle               for whoever helps

Kubernetes is found as kubectl finds it.`;

/** The plugin of kubectl: what a person does with a cluster in Kubernetes, with the rights of that person. */
export function buildPlugin(given: ProgramContext): Command {
  const program = new Command('kubectl orbitmq');
  const servers = new KubeServerAccess(() => program.opts<KubeOptions>());
  const context = { ...given, servers };
  addKubeFlags(program)
    .description('OrbitMQ in Kubernetes: look at clusters, order their masters, send and receive')
    .version(given.version, '-V, --version', 'show the version')
    .option('-v, --verbose', 'show where an error comes from')
    .addHelpText('after', EXAMPLES)
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => given.terminal.out(text),
      // Errors are said once, by whoever runs the program, in our own form.
      writeErr: () => undefined,
    });
  program.commandsGroup('Look:');
  addKubeStatusCommand(program, context);
  addExplainCommand(program, context);
  addLogsCommand(program, context);
  addBundleCommand(program, context);
  program.commandsGroup('Order:');
  addOrderCommands(program, context);
  program.commandsGroup('Use:');
  addGatewayCommands(program, context);
  addTopicCommands(program, context);
  addGroupCommands(program, context);
  addSendCommand(program, context);
  addReceiveCommand(program, context);
  program.commandsGroup('Other:');
  program.helpCommand('help [command]', 'show help for a command');
  return program;
}
