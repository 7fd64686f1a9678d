import type { Command } from 'commander';
import { findCluster } from '../../operator/tool/cluster-lookup.ts';
import { supportBundle } from '../../operator/tool/support-bundle.ts';
import { bytesArgument } from '../argument.ts';
import type { CliContext } from '../cli-context.ts';
import { writeArchive } from '../output/archive-file.ts';
import { sizeText } from '../output/size-text.ts';
import { explainGroups } from './explain-command.ts';
import type { KubeOptions } from './kube-flags.ts';
import { withKube, type KubeSession } from './kube-session.ts';

interface BundleOptions extends KubeOptions {
  readonly file?: string;
  readonly maxSize: number;
}

const BYTES_MAX = 64 * 2 ** 20;
export function addBundleCommand(program: Command, context: CliContext): void {
  program
    .command('support-bundle [cluster]')
    .description('gather what somebody who helps has to see, without secrets, in one archive')
    .option('-f, --file <path>', 'the archive; otherwise named after cluster and time')
    .option('--max-size <size>', 'most that it may hold, unpacked', bytesArgument, BYTES_MAX)
    .action(async (name: string | undefined, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<BundleOptions>();
      await withKube(options, (session) => writeBundle(context, session, name, options));
    });
}

async function writeBundle(
  { terminal, version }: CliContext,
  session: KubeSession,
  name: string | undefined,
  options: BundleOptions,
): Promise<void> {
  const { access, environment } = session;
  const cluster = await findCluster(access.kube, access.namespace, name ?? options.cluster);
  const stem = `orbitmq-${cluster.metadata.name}-${stamp(environment.clock.nowMs())}`;
  const path = options.file ?? `${stem}.tar.gz`;
  const files = supportBundle(cluster, {
    ...{ clock: environment.clock, kube: access.kube, version, bytesMax: options.maxSize },
    log: (at, log) => access.log(at, { ...log, signal: session.signal }),
    explain: () =>
      explainGroups(session, undefined, { ...options, cluster: cluster.metadata.name }),
    onProgress: (what) => terminal.isErrorTty && terminal.error(`  ${what}\n`),
  });
  const { count, bytes } = await writeArchive(path, stem, files, environment.clock.nowMs());
  terminal.out(`${path}: ${count} files, ${sizeText(bytes)} unpacked\n`);
}

/** `20261121-180000` */
function stamp(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}
