import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { extract } from 'tar-stream';
import { writeArchive, type ArchivedFile } from '../../../../cli/output/archive-file.ts';

const NOW_MS = 1_700_000_000_000;
const LONG = `${'folder/'.repeat(20)}file`;

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'orbitmq-archive-'));
  path = join(directory, 'a.tar.gz');
});
afterEach(() => rmSync(directory, { recursive: true }));

async function* files(): AsyncGenerator<ArchivedFile> {
  yield { path: 'README.txt', content: Buffer.from('hello') };
  await Promise.resolve();
  yield { path: 'empty', content: Buffer.alloc(0) };
  yield { path: LONG, content: Buffer.alloc(100_000, 'x') };
}

describe('writeArchive', () => {
  it('writes what tar reads, for the eyes of its owner only', async () => {
    const totals = await writeArchive(path, 'all', files(), NOW_MS);
    expect(totals).toEqual({ count: 3, bytes: 100_005 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const found: [string, number, string][] = [];
    const reading = createReadStream(path).pipe(createGunzip()).pipe(extract());
    for await (const entry of reading) {
      found.push([entry.header.name, entry.header.mtime.getTime(), await text(entry)]);
    }
    expect(found).toEqual([
      ['all/README.txt', NOW_MS, 'hello'],
      ['all/empty', NOW_MS, ''],
      [`all/${LONG}`, NOW_MS, 'x'.repeat(100_000)],
    ]);
  });

  it('replaces nothing', async () => {
    await writeArchive(path, 'all', files(), NOW_MS);
    await expect(writeArchive(path, 'all', files(), NOW_MS)).rejects.toMatchObject({
      code: 'output-unwritable',
      message: expect.stringContaining('exists'),
    });
  });

  it('rejects as the files do', async () => {
    async function* failing(): AsyncGenerator<ArchivedFile> {
      yield* files();
      throw new Error('no more');
    }
    await expect(writeArchive(path, 'all', failing(), NOW_MS)).rejects.toThrow('no more');
  });
});
