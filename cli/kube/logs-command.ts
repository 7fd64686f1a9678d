import type { Command } from 'commander';
import { MqError } from '../../common/errors/mq-error.ts';
import {
  findCluster,
  findTarget,
  logSourceOf,
  operatorPods,
  podsOf,
} from '../../operator/tool/cluster-lookup.ts';
import { durationArgument, integerArgument } from '../argument.ts';
import type { CliContext } from '../cli-context.ts';
import type { KubeOptions } from './kube-flags.ts';
import { withKube, type KubeSession } from './kube-session.ts';

interface LogsOptions extends KubeOptions {
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly tail?: number;
  readonly since?: number;
  readonly timestamps?: boolean;
}

interface LogSource {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

const TAIL_MAX = 1_000_000;
/** Each that is followed is a connection to the API server. */
const FOLLOWED_MAX = 32;

export function addLogsCommand(program: Command, context: CliContext): void {
  program
    .command('logs [what]')
    .description('show logs: of a member, a group, "namesrv", "operator"; otherwise of all pods')
    .option('-f, --follow', 'go on until interrupted')
    .option('-p, --previous', 'of the container before the present one')
    .option('--tail <lines>', 'only the last lines', integerArgument(0, TAIL_MAX))
    .option('--since <duration>', 'only what is younger', durationArgument)
    .option('--timestamps', 'with the time at which each line was written')
    .action(async (what: string | undefined, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<LogsOptions>();
      await withKube(options, (session) => showLogs(context, session, what, options));
    });
}

async function showLogs(
  context: CliContext,
  session: KubeSession,
  what: string | undefined,
  options: LogsOptions,
): Promise<void> {
  const sources = await sourcesOf(session, what, options);
  if (sources.length === 0) {
    const { namespace } = session.access;
    const advice = 'kubectl orbitmq status shows the pods there are.';
    const named = what === undefined ? 'pods' : `pods of ${what}`;
    throw new MqError('kube-object-missing', { what: named, namespace, advice });
  }
  const show = (source: LogSource): Promise<void> =>
    showOne(context, session, source, sources.length > 1, options);
  if (options.follow !== true) {
    for (const source of sources) await show(source);
    return;
  }
  if (sources.length > FOLLOWED_MAX) {
    const reason = `${sources.length} logs are too many to follow at once, ${FOLLOWED_MAX} are the most`;
    throw new MqError('usage-invalid', { reason, help: 'kubectl orbitmq logs --help' });
  }
  await Promise.all(sources.map(show));
}

async function showOne(
  { terminal }: CliContext,
  { access, signal }: KubeSession,
  { namespace, pod, container }: LogSource,
  isOneOfMany: boolean,
  { follow = false, previous = false, tail, since, timestamps = false }: LogsOptions,
): Promise<void> {
  const prefix = isOneOfMany ? `${pod}  ` : '';
  const parts = access.log(
    { namespace, name: pod },
    {
      ...{ container, follow, previous, timestamps, signal, tailLines: tail },
      sinceSeconds: since === undefined ? undefined : Math.max(1, Math.ceil(since / 1_000)),
    },
  );
  try {
    for await (const line of linesOf(parts)) terminal.out(`${prefix}${line}\n`);
  } catch (error) {
    // Ctrl-C ends what is followed, and is no failure.
    if (!signal.aborted) throw error;
  }
}

/** A line that is longer is shown in pieces. */
const LINE_CHARACTERS_MAX = 1_000_000;

async function* linesOf(parts: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const part of parts) {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length < LINE_CHARACTERS_MAX) continue;
    yield rest;
    rest = '';
  }
  if (rest !== '') yield rest;
}

async function sourcesOf(
  { access }: KubeSession,
  what: string | undefined,
  { cluster: name }: LogsOptions,
): Promise<readonly LogSource[]> {
  const { kube, namespace } = access;
  if (what === 'operator') return (await operatorPods(kube)).map(logSourceOf);
  const cluster = await findCluster(kube, namespace, name);
  const pods = (await podsOf(kube, cluster)).map(logSourceOf);
  if (what === undefined) return pods;
  if (what === 'namesrv') return pods.filter(({ container }) => container === what);
  const exact = pods.filter(({ pod }) => pod === what);
  if (exact.length > 0) return exact;
  const { group, member } = await findTarget(kube, namespace, what, cluster.metadata.name);
  const names = member === undefined ? group.spec.members.map((each) => each.name) : [member];
  return pods.filter(({ pod }) => names.includes(pod));
}
