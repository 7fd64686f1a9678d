import { Option, type Command } from 'commander';
import { MqError } from '../../common/errors/mq-error.ts';
import { START_POSITIONS, type StartPosition } from '../../common/model/consumer-group.ts';
import { formatDuration, parseDuration } from '../../common/options/bytes-and-durations.ts';
import { integerArgument } from '../argument.ts';
import type { CliContext } from '../cli-context.ts';
import type { GroupChange } from '../client/admin-client.ts';
import type { GroupDetails, GroupView } from '../client/admin-view.ts';
import { withClient, type ClientOptions } from '../client-options.ts';
import { confirm } from '../confirm.ts';
import { printResult } from '../output/output-format.ts';
import { fieldList, textTable } from '../output/text-table.ts';
import { withAdmin } from '../session.ts';

const ATTEMPTS_MAX = 1_000;

interface GroupOptions extends ClientOptions {
  readonly maxAttempts?: number;
  readonly ordered?: boolean;
  readonly from?: StartPosition;
  readonly pause?: boolean;
  readonly resume?: boolean;
  readonly backoff?: string;
  readonly yes?: boolean;
}

export function addGroupCommands(program: Command, context: CliContext): void {
  const group = program.command('group').description('create, look at and change consumer groups');
  const named = (name: string, description: string): Command =>
    withClient(group.command(`${name} <name>`).description(description), context);

  withFields(named('create', 'create a consumer group')).action(
    (name: string, options: GroupOptions) => createGroup(context, name, options),
  );
  withClient(group.command('list [prefix]').description('list consumer groups'), context)
    .alias('ls')
    .action((prefix: string | undefined, options: ClientOptions) =>
      listGroups(context, prefix ?? '', options),
    );
  named('describe', 'show progress, members and subscription conflicts of a group').action(
    (name: string, options: ClientOptions) => describeGroup(context, name, options),
  );
  withFields(named('update', 'change a group; what is not given stays as it is'))
    .option('--pause', 'deliver nothing until it is resumed')
    .addOption(new Option('--resume', 'deliver again').conflicts('pause'))
    .action((name: string, options: GroupOptions) => updateGroup(context, name, options));
  named('delete', 'delete a group and forget its positions')
    .option('-y, --yes', 'do not ask')
    .action((name: string, options: GroupOptions) => deleteGroup(context, name, options));
}

function withFields(command: Command): Command {
  return command
    .option(
      '--max-attempts <number>',
      'deliveries before a message goes to the dead-letter topic',
      integerArgument(1, ATTEMPTS_MAX),
    )
    .option('--ordered', 'deliver in order within a message group')
    .option('--no-ordered', 'deliver in any order')
    .addOption(
      new Option('--from <position>', 'where it starts on a topic that it never consumed').choices(
        START_POSITIONS,
      ),
    )
    .option(
      '--backoff <durations>',
      'waits between deliveries, as 1s,10s,1m; the last one repeats',
    );
}

async function createGroup(
  context: CliContext,
  name: string,
  options: GroupOptions,
): Promise<void> {
  const group = await withAdmin(context, options, (admin) =>
    admin.createGroup(name, changeOf(options)),
  );
  printResult(context.terminal, options.output, group, () => summary(group, 'created'));
}

async function updateGroup(
  context: CliContext,
  name: string,
  options: GroupOptions,
): Promise<void> {
  const group = await withAdmin(context, options, (admin) =>
    admin.updateGroup(name, changeOf(options)),
  );
  printResult(context.terminal, options.output, group, () => summary(group, 'updated'));
}

async function deleteGroup(
  context: CliContext,
  name: string,
  options: GroupOptions,
): Promise<void> {
  await confirm(context.terminal, `delete consumer group ${name} and its positions`, options.yes);
  await withAdmin(context, options, (admin) => admin.deleteGroup(name));
  printResult(
    context.terminal,
    options.output,
    { name, deleted: true },
    () => `group ${name} deleted`,
  );
}

async function listGroups(
  context: CliContext,
  prefix: string,
  options: ClientOptions,
): Promise<void> {
  const groups = await withAdmin(context, options, (admin) => admin.listGroups(prefix));
  printResult(context.terminal, options.output, groups, () =>
    groups.length === 0
      ? 'no consumer groups'
      : textTable(
          ['name', 'max attempts', 'ordered', 'from', 'paused'],
          groups.map((g) => [g.name, g.maxAttempts, g.ordered, g.startPosition, g.paused]),
        ),
  );
}

export async function describeGroup(
  context: CliContext,
  name: string,
  options: ClientOptions,
): Promise<void> {
  const group = await withAdmin(context, options, (admin) => admin.describeGroup(name));
  printResult(context.terminal, options.output, group, () => detailsText(group));
}

function detailsText(group: GroupDetails): string {
  const fields = fieldList([
    ['name', group.name],
    ['max attempts', group.maxAttempts],
    ['ordered', group.ordered],
    ['from', group.startPosition],
    ['paused', group.paused],
    ['backoff', backoffText(group)],
    ['lag', group.lag],
    ['no answer from', group.unreachableBrokers.join(', ') || undefined],
  ]);
  return [fields, progressText(group), membersText(group), conflictsText(group)]
    .filter((part) => part !== '')
    .join('\n\n');
}

function progressText({ queues }: GroupDetails): string {
  if (queues.length === 0) return '';
  const header = [
    'topic',
    'broker',
    'queue',
    'committed',
    'end',
    'lag',
    'in work',
    'retry',
    'oldest',
  ];
  const rows = queues.map((q) => [
    ...[q.topic, q.broker, q.queueId, q.committedOffset, q.maxOffset],
    ...[q.lag, q.inflight, q.waitingForRetry, q.oldestTime],
  ]);
  return textTable(header, rows);
}

function membersText({ members }: GroupDetails): string {
  if (members.length === 0) return 'no members are connected';
  const header = ['client', 'type', 'language', 'version', 'peer', 'subscriptions'];
  const rows = members.map((m) => {
    const subscriptions = Object.entries(m.subscriptions).map(
      ([topic, filter]) => `${topic}: ${filter}`,
    );
    return [m.clientId, m.clientType, m.language, m.version, m.peer, subscriptions.join('; ')];
  });
  return textTable(header, rows);
}

function conflictsText({ conflicts }: GroupDetails): string {
  return conflicts
    .map(({ topic, variants }) => {
      const lines = variants.map(({ filter, clientIds }) => `  ${filter}: ${clientIds.join(', ')}`);
      return [`WARNING: members subscribe to ${topic} differently`, ...lines].join('\n');
    })
    .join('\n');
}

function summary(group: GroupView, done: string): string {
  const order = group.ordered ? 'ordered' : 'unordered';
  const state = group.paused ? ', paused' : '';
  return `group ${group.name} ${done}: ${group.maxAttempts} attempts, ${order}, from ${group.startPosition}${state}`;
}

function backoffText({ backoff }: GroupView): string {
  if ('stepsMs' in backoff) return backoff.stepsMs.map(formatDuration).join(' ');
  const { initialMs, maxMs, multiplier } = backoff;
  return `${formatDuration(initialMs)} × ${multiplier} up to ${formatDuration(maxMs)}`;
}

function changeOf(options: GroupOptions): GroupChange {
  const { maxAttempts, ordered, from, pause, resume, backoff } = options;
  return {
    maxAttempts,
    ordered,
    startPosition: from,
    paused: pause === true ? true : resume === true ? false : undefined,
    backoffMs: backoff === undefined ? undefined : parseBackoff(backoff),
  };
}

function parseBackoff(text: string): number[] {
  return text.split(',').map((step) => {
    const ms = parseDuration(step);
    if (ms !== undefined) return ms;
    const reason = `--backoff: "${step}" is not a duration; write it with its unit, as 500ms or 10s`;
    throw new MqError('usage-invalid', { reason, help: 'orbitmq group update --help' });
  });
}
