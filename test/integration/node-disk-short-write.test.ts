import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';

const root = await mkdtemp(join(tmpdir(), 'orbitmq-short-'));
afterAll(() => rm(root, { recursive: true }));

const MODULE = new URL('../../common/environment/node/node-disk.ts', import.meta.url).href;

/** Writes three buffers, then says how it went. */
const PROGRAM = `
  const { NodeDisk } = await import(${JSON.stringify(MODULE)});
  const file = await new NodeDisk().open(process.argv[1], { create: true });
  const buffers = [1, 2, 3].map((fill) => Buffer.alloc(700, fill));
  await file.write(0, buffers).then(() => console.log('all'), (error) => console.log(error.code));
`;

describe('NodeDisk, when the kernel takes only a part of a write', () => {
  it('goes on with the rest, inside a buffer, and reports what stops it', async () => {
    const path = join(root, 'limited');
    // Files of this shell end at 1 KiB: the first writev is cut short, the one for the rest fails.
    const shell = `trap '' XFSZ; ulimit -f 1; exec "$0" --input-type=module -e "$1" "$2"`;
    const output = await new Promise<string>((resolve) => {
      const args = ['-c', shell, process.execPath, PROGRAM, path];
      execFile('bash', args, { timeout: 20_000 }, (_error, stdout) => resolve(stdout.trim()));
    });
    expect(output).toBe('EFBIG');
    const expected = Buffer.concat([Buffer.alloc(700, 1), Buffer.alloc(324, 2)]);
    expect((await readFile(path)).equals(expected)).toBe(true);
  });
});
