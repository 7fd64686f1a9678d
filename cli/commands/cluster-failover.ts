import { Option, type Command } from 'commander';
import { MqError } from '../../common/errors/mq-error.ts';
import { durationArgument } from '../argument.ts';
import type { CliContext } from '../cli-context.ts';
import type { FailoverClient } from '../client/failover-client.ts';
import { readDescription } from '../cluster/cluster-description.ts';
import {
  explanationText,
  groupText,
  statusText,
  switchoverText,
} from '../cluster/failover-text.ts';
import { withOutput } from '../client-options.ts';
import { printResult, type OutputFormat } from '../output/output-format.ts';

/** Longer than a hand-over that waits for a slow slave. */
const DEFAULT_TIMEOUT_MS = 20_000;

interface ControllerOptions {
  /** Of the command `cluster`: where to look for the controller. */
  readonly data: string;
  readonly controller?: string;
  readonly timeout: number;
  readonly output: OutputFormat;
  readonly to?: string;
  readonly member?: string;
  readonly peerSecretFile?: string;
}

/** What is asked of the failover controller. */
export function addFailoverCommands(cluster: Command, { terminal }: CliContext): void {
  const print = <Result>(
    { output }: ControllerOptions,
    result: Result,
    view: (result: Result) => string,
  ): void => printResult(terminal, output, result, () => view(result));

  withController(cluster.command('status [group]'))
    .description('show masters, epochs, lag, members in sync and the last failovers')
    .action(async (group: string | undefined, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ControllerOptions>();
      const names = group === undefined ? [] : [group];
      const groups = await withFailover(options, (client) => client.listGroups(names));
      print(options, groups, statusText);
    });
  withController(cluster.command('explain <group>'))
    .description('tell what would happen if the master died now')
    .action(async (group: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ControllerOptions>();
      const explanation = await withFailover(options, (client) => client.explain(group));
      print(options, explanation, explanationText);
    });
  withController(cluster.command('switchover <group>'))
    .description('make another member the master, without losing or refusing anything')
    .option('--to <member>', 'the new master; otherwise the most advanced member in sync')
    .action(async (group: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ControllerOptions>();
      const transition = await withFailover(options, (client) =>
        client.switchover(group, options.to ?? ''),
      );
      print(options, transition, (done) => switchoverText(group, done));
    });
  for (const isFence of [true, false]) {
    withController(cluster.command(`${isFence ? 'fence' : 'unfence'} <group>`))
      .description(
        isFence
          ? 'keep a member, or the whole group, from being master'
          : 'let a member, or the whole group, be master again',
      )
      .option('--member <member>', 'only this one; otherwise the whole group')
      .action(async (group: string, _: unknown, command: Command) => {
        const options = command.optsWithGlobals<ControllerOptions>();
        const changed = await withFailover(options, (client) =>
          client.fence(group, options.member ?? '', isFence),
        );
        print(options, changed, groupText);
      });
  }
}

function withController(command: Command): Command {
  return withOutput(command)
    .addOption(
      new Option(
        '--controller <host:port>',
        'failover controller; otherwise that of the cluster in --data',
      ).helpGroup('Connection:'),
    )
    .addOption(
      new Option('--peer-secret-file <file>', 'secret of its nodes, if they have one')
        .env('ORBITMQ_PEER_SECRET_FILE')
        .helpGroup('Connection:'),
    )
    .addOption(
      new Option('--timeout <duration>', 'longest wait for one answer')
        .argParser(durationArgument)
        .default(DEFAULT_TIMEOUT_MS, '20s')
        .helpGroup('Connection:'),
    );
}

async function withFailover<Result>(
  options: ControllerOptions,
  work: (client: FailoverClient) => Promise<Result>,
): Promise<Result> {
  const local = options.controller === undefined ? readDescription(options.data) : undefined;
  const endpoint = options.controller ?? local?.controller;
  const secretFile = options.peerSecretFile ?? local?.peerSecretFile;
  if (endpoint === undefined) throw new MqError('cluster-not-running', { directory: options.data });
  const [{ Connection }, { FailoverClient }, { signAsPeer }] = await Promise.all([
    import('../client/connection.ts'),
    import('../client/failover-client.ts'),
    import('../client/sign-as-peer.ts'),
  ]);
  const plain = { tls: false, tlsInsecure: false, tlsCa: undefined };
  const signed = secretFile === undefined ? {} : { sign: signAsPeer(secretFile) };
  const settings = { endpoint, ...plain, ...signed, timeoutMs: options.timeout };
  const connection = new Connection(settings);
  try {
    return await work(new FailoverClient(connection));
  } finally {
    connection.close();
  }
}
