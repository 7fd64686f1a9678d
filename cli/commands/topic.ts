import { Option, type Command } from 'commander';
import {
  PERMISSIONS,
  TOPIC_TYPES,
  type Permission,
  type TopicType,
} from '../../common/model/topic.ts';
import { formatDuration } from '../../common/options/bytes-and-durations.ts';
import { chooseArgument, durationArgument, integerArgument } from '../argument.ts';
import type { CliContext } from '../cli-context.ts';
import type { TopicChange } from '../client/admin-client.ts';
import type { TopicDetails, TopicView } from '../client/admin-view.ts';
import { withClient, type ClientOptions } from '../client-options.ts';
import { confirm } from '../confirm.ts';
import { sizeText } from '../output/size-text.ts';
import { printResult } from '../output/output-format.ts';
import { fieldList, textTable } from '../output/text-table.ts';
import { withAdmin } from '../session.ts';

const QUEUES_MAX = 1_024;

interface TopicOptions extends ClientOptions {
  readonly type?: TopicType;
  readonly queues?: number;
  readonly permission?: Permission;
  readonly retention?: number;
  readonly yes?: boolean;
}

export function addTopicCommands(program: Command, context: CliContext): void {
  const topic = program.command('topic').description('create, look at and change topics');
  const named = (name: string, description: string): Command =>
    withClient(topic.command(`${name} <name>`).description(description), context);

  withFields(named('create', 'create a topic'))
    .option(
      '--type <type>',
      `kind of messages it takes: ${TOPIC_TYPES.join(', ')}`,
      chooseArgument(TOPIC_TYPES),
    )
    .action((name: string, options: TopicOptions) => createTopic(context, name, options));
  withClient(topic.command('list [prefix]').description('list topics'), context)
    .alias('ls')
    .action((prefix: string | undefined, options: ClientOptions) =>
      listTopics(context, prefix ?? '', options),
    );
  named('describe', 'show queues, offsets and groups of a topic').action(
    (name: string, options: ClientOptions) => describeTopic(context, name, options),
  );
  withFields(named('update', 'change a topic; what is not given stays as it is'))
    .option(
      '--type <type>',
      `kind of messages it takes: ${TOPIC_TYPES.join(', ')}`,
      chooseArgument(TOPIC_TYPES),
    )
    .action((name: string, options: TopicOptions) => updateTopic(context, name, options));
  named('delete', 'delete a topic with its messages')
    .option('-y, --yes', 'do not ask')
    .action((name: string, options: TopicOptions) => deleteTopic(context, name, options));
}

function withFields(command: Command): Command {
  return command
    .option('--queues <number>', 'queues on each broker', integerArgument(1, QUEUES_MAX))
    .addOption(new Option('--permission <permission>', 'what clients may do').choices(PERMISSIONS))
    .option(
      '--retention <duration>',
      'age from which messages may go; 0 = as the broker',
      durationArgument,
    );
}

async function createTopic(
  context: CliContext,
  name: string,
  options: TopicOptions,
): Promise<void> {
  await withAdmin(context, options, async (admin) => {
    show(context, options, await admin.createTopic(name, changeOf(options)), 'created');
  });
}

async function updateTopic(
  context: CliContext,
  name: string,
  options: TopicOptions,
): Promise<void> {
  await withAdmin(context, options, async (admin) => {
    show(context, options, await admin.updateTopic(name, changeOf(options)), 'updated');
  });
}

async function deleteTopic(
  context: CliContext,
  name: string,
  options: TopicOptions,
): Promise<void> {
  await confirm(context.terminal, `delete topic ${name} and all of its messages`, options.yes);
  await withAdmin(context, options, (admin) => admin.deleteTopic(name));
  printResult(
    context.terminal,
    options.output,
    { name, deleted: true },
    () => `topic ${name} deleted`,
  );
}

export async function listTopics(
  context: CliContext,
  prefix: string,
  options: ClientOptions,
): Promise<void> {
  const topics = await withAdmin(context, options, (admin) => admin.listTopics(prefix));
  printResult(context.terminal, options.output, topics, () =>
    topics.length === 0
      ? 'no topics'
      : textTable(
          ['name', 'type', 'queues', 'permission', 'retention'],
          topics.map((topic) => [
            topic.name,
            topic.type,
            topic.queueCount,
            topic.permission,
            retentionText(topic),
          ]),
        ),
  );
}

async function describeTopic(
  context: CliContext,
  name: string,
  options: ClientOptions,
): Promise<void> {
  const topic = await withAdmin(context, options, (admin) => admin.describeTopic(name));
  printResult(context.terminal, options.output, topic, () => detailsText(topic));
}

function detailsText(topic: TopicDetails): string {
  const fields = fieldList([
    ['name', topic.name],
    ['type', topic.type],
    ['permission', topic.permission],
    ['retention', retentionText(topic)],
    ['messages', topic.messageCount],
    ['stored', topic.storedBytes === undefined ? undefined : sizeText(topic.storedBytes)],
    ['groups', topic.groups.join(', ')],
    ['no answer from', topic.unreachableBrokers.join(', ') || undefined],
  ]);
  const header = ['broker', 'queue', 'min offset', 'max offset', 'last message'];
  const rows = topic.queues.map((queue) => [
    queue.broker,
    queue.queueId,
    queue.minOffset,
    queue.maxOffset,
    queue.lastStoreTime,
  ]);
  return `${fields}\n\n${textTable(header, rows)}`;
}

function show(context: CliContext, options: ClientOptions, topic: TopicView, done: string): void {
  printResult(context.terminal, options.output, topic, () => {
    const { name, type, queueCount, permission } = topic;
    return `topic ${name} ${done}: ${type}, ${queueCount} queues, ${permission}`;
  });
}

function changeOf({ type, queues, permission, retention }: TopicOptions): TopicChange {
  return { type, queueCount: queues, permission, retentionMs: retention };
}

function retentionText({ retentionMs }: TopicView): string {
  return retentionMs === undefined ? 'default' : formatDuration(retentionMs);
}
