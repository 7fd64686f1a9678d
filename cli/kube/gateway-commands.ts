import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import type { GroupDetails } from '../client/admin-view.ts';
import { withClient, type ClientOptions } from '../client-options.ts';
import { describeGroup } from '../commands/group.ts';
import { listTopics } from '../commands/topic.ts';
import { printResult } from '../output/output-format.ts';
import { textTable } from '../output/text-table.ts';
import { withAdmin } from '../session.ts';

/** Consumer groups that are asked about at a time: each is a call to every broker group. */
const AT_ONCE = 8;

/** What is asked of the cluster itself, in one word. */
export function addGatewayCommands(program: Command, context: CliContext): void {
  withClient(
    program.command('topics [prefix]').description('list the topics that the brokers have'),
    context,
  ).action((prefix: string | undefined, options: ClientOptions) =>
    listTopics(context, prefix ?? '', options),
  );
  withClient(
    program
      .command('lag [consumer-group]')
      .description('show how far consumer groups are behind; of one, queue by queue'),
    context,
  ).action((name: string | undefined, options: ClientOptions) =>
    name === undefined ? showLags(context, options) : describeGroup(context, name, options),
  );
}

async function showLags(context: CliContext, options: ClientOptions): Promise<void> {
  const groups = await withAdmin(context, options, async (admin) => {
    const names = (await admin.listGroups('')).map(({ name }) => name);
    const details: GroupDetails[] = [];
    for (let start = 0; start < names.length; start += AT_ONCE) {
      const some = names.slice(start, start + AT_ONCE);
      details.push(...(await Promise.all(some.map((name) => admin.describeGroup(name)))));
    }
    return details.map(lagOf).toSorted((a, b) => b.lag - a.lag);
  });
  printResult(context.terminal, options.output, groups, () =>
    groups.length === 0
      ? 'no consumer groups'
      : textTable(
          [
            'consumer group',
            'lag',
            'in work',
            'retry',
            'members',
            'paused',
            'oldest',
            'no answer from',
          ],
          groups.map((group) => [
            ...[group.name, group.lag, group.inflight, group.waitingForRetry, group.members],
            ...[group.paused, group.oldestTime, group.unreachableBrokers.join(', ')],
          ]),
        ),
  );
}

function lagOf({ name, lag, queues, members, paused, unreachableBrokers }: GroupDetails) {
  const oldest = queues.map(({ oldestTime }) => oldestTime).filter((time) => time !== '');
  return {
    ...{ name, lag, paused, unreachableBrokers, members: members.length },
    inflight: queues.reduce((sum, queue) => sum + queue.inflight, 0),
    waitingForRetry: queues.reduce((sum, queue) => sum + queue.waitingForRetry, 0),
    oldestTime: oldest.toSorted()[0] ?? '',
  };
}
