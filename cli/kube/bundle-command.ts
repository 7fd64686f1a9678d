import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Command } from 'commander';
import { MqError } from '../../common/errors/mq-error.ts';
import { systemReason } from '../../common/errors/system-error.ts';
import { findCluster } from '../../operator/tool/cluster-lookup.ts';
import { supportBundle } from '../../operator/tool/support-bundle.ts';
import { bytesArgument } from '../argument.ts';
import type { CliContext } from '../cli-context.ts';
import { sizeText } from '../output/size-text.ts';
import { TAR_END, tarEntry, type ArchivedFile } from '../output/tar-archive.ts';
import { explainGroups } from './explain-command.ts';
import type { KubeOptions } from './kube-flags.ts';
import { withKube, type KubeSession } from './kube-session.ts';

interface BundleOptions extends KubeOptions {
  readonly file?: string;
  readonly maxSize: number;
}

const BYTES_MAX = 64 * 2 ** 20;
/** Nobody but the person who made it reads it. */
const MODE = 0o600;

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

async function writeArchive(
  path: string,
  folder: string,
  files: AsyncIterable<ArchivedFile>,
  nowMs: number,
): Promise<{ readonly count: number; readonly bytes: number }> {
  let count = 0;
  let bytes = 0;
  async function* archive(): AsyncGenerator<Buffer> {
    for await (const file of files) {
      count += 1;
      bytes += file.content.length;
      yield tarEntry({ ...file, path: `${folder}/${file.path}` }, nowMs);
    }
    yield TAR_END;
  }
  // Nothing that is there already is replaced.
  const target = createWriteStream(path, { mode: MODE, flags: 'wx' });
  try {
    await pipeline(Readable.from(archive()), createGzip(), target);
  } catch (error) {
    const { syscall } = error as { syscall?: unknown };
    if (syscall === undefined) throw error;
    throw new MqError('output-unwritable', { what: path, reason: systemReason(error) }, error);
  }
  return { count, bytes };
}

/** `20261121-180000` */
function stamp(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}
