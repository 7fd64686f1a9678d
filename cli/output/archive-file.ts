import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack, type Pack } from 'tar-stream';
import { MqError } from '../../common/errors/mq-error.ts';
import { systemReason } from '../../common/errors/system-error.ts';

/** Nobody but the person who made it reads it. */
const MODE = 0o600;

export interface ArchivedFile {
  /** Relative to the folder of the archive, with slashes. */
  readonly path: string;
  readonly content: Buffer;
}

export interface ArchiveTotals {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Writes the files, as they come, into a new `.tar.gz` at `path`, all in one folder. Resolves with how many there are and how many
 * bytes they have. Rejects as `files` does, and with `output-unwritable`, also when `path` is there already.
 */
export async function writeArchive(
  path: string,
  folder: string,
  files: AsyncIterable<ArchivedFile>,
  nowMs: number,
): Promise<ArchiveTotals> {
  const archive = pack();
  const target = createWriteStream(path, { mode: MODE, flags: 'wx' });
  try {
    const written = pipeline(archive, createGzip(), target);
    const [totals] = await Promise.all([fill(archive, folder, files, nowMs), written]);
    return totals;
  } catch (error) {
    const { syscall } = error as { syscall?: unknown };
    if (syscall === undefined) throw error;
    throw new MqError('output-unwritable', { what: path, reason: systemReason(error) }, error);
  }
}

/** One file after the other, each when the one before is written. */
async function fill(
  archive: Pack,
  folder: string,
  files: AsyncIterable<ArchivedFile>,
  nowMs: number,
): Promise<ArchiveTotals> {
  let count = 0;
  let bytes = 0;
  try {
    for await (const { path, content } of files) {
      const header = { name: `${folder}/${path}`, mode: MODE, mtime: new Date(nowMs) };
      await new Promise<void>((resolve, reject) => {
        archive.entry(header, content, (error) => (error ? reject(error) : resolve()));
      });
      count += 1;
      bytes += content.length;
    }
    archive.finalize();
    return { count, bytes };
  } catch (error) {
    archive.destroy(error as Error);
    throw error;
  }
}
