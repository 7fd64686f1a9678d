import { Option, type Command } from 'commander';
import { NODE_OPTIONS } from '../../common/options/node-options.ts';
import {
  OPTION_SECTIONS,
  type OptionDefinition,
  type OptionTable,
  type Role,
} from '../../common/options/option-definition.ts';
import { rangeText } from '../../common/options/parse-value.ts';
import { NODE_OPTION_NAMES } from '../../common/options/resolve-options.ts';
import type { CliContext } from '../cli-context.ts';

const ROLES: Readonly<Record<Role, string>> = {
  standalone: 'run a NameServer and a broker in one process',
  broker: 'run a broker',
  namesrv: 'run a NameServer',
  controller: 'run a failover controller',
  operator: 'look after clusters in Kubernetes',
};

const TABLE: OptionTable = NODE_OPTIONS;

/** `orbitmq standalone|broker|namesrv|controller|operator`, with every option of the table that the role has. */
export function addRoleCommands(program: Command, context: CliContext): void {
  for (const [role, description] of Object.entries(ROLES) as [Role, string][]) {
    const command = program
      .command(role)
      .description(description)
      .option('-c, --config <file>', 'YAML file with options [env: ORBITMQ_CONFIG]');
    for (const [key, definition] of Object.entries(TABLE)) {
      if (definition.roles.includes(role)) addOption(command, role, key, definition);
    }
    command.action(async (options: Record<string, unknown>) => {
      const { startRole } = await import('../start-role.ts');
      const config = options['config'];
      await startRole(context, {
        role,
        flags: flagsOf(options),
        configFile: typeof config === 'string' ? config : undefined,
      });
    });
  }
}

function addOption(command: Command, role: Role, key: string, definition: OptionDefinition): void {
  const { flag, env } = NODE_OPTION_NAMES.get(key) ?? { flag: '', env: '' };
  const usual = definition.defaultFor?.[role] ?? definition.default;
  const facts = [rangeText(definition), ...(usual ? [`default ${usual}`] : []), `env ${env}`];
  const text = `${definition.summary} (${facts.join('; ')})`;
  const group = `${OPTION_SECTIONS[definition.section]}:`;
  if (definition.type === 'boolean') {
    command.addOption(new Option(`${flag} [boolean]`, text).helpGroup(group));
    command.addOption(new Option(flag.replace('--', '--no-')).hideHelp());
  } else {
    command.addOption(new Option(`${flag} <${definition.type}>`, text).helpGroup(group));
  }
}

/** What the user gave, by option key, still as text: the options table parses it, as it does the environment and the file. */
function flagsOf(options: Readonly<Record<string, unknown>>): Map<string, string> {
  const flags = new Map<string, string>();
  for (const [key, { flag }] of NODE_OPTION_NAMES) {
    const value = options[attributeOf(flag)];
    if (typeof value === 'string' || typeof value === 'boolean') flags.set(key, String(value));
  }
  return flags;
}

/** commander's name for a flag: `--flush-interval` is `flushInterval`. */
function attributeOf(flag: string): string {
  return flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
