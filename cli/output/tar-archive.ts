/**
 * Files as a tar archive (POSIX ustar), so that a bundle needs no program but this one. A header, bytes of 512:
 *
 *   0    name, 100        108  user, 8         136  time, 12       257  "ustar\0" "00"
 *   100  mode, 8          116  group, 8        148  checksum, 8    345  beginning of a long name, 155
 *                         124  size, 12        156  type
 *
 * Numbers are octal text. Contents are filled up to whole blocks, and two empty blocks end it.
 */
const BLOCK = 512;
const NAME_MAX = 100;
const PREFIX_MAX = 155;
const MODE = 0o600;
const REGULAR_FILE = '0';

export interface ArchivedFile {
  readonly path: string;
  readonly content: Buffer;
}

export const TAR_END = Buffer.alloc(2 * BLOCK);

/** Header and content of one file. Throws for a path that does not fit: ours are short. */
export function tarEntry({ path, content }: ArchivedFile, modifiedMs: number): Buffer {
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return Buffer.concat([header(path, content.length, modifiedMs), content, padding]);
}

function header(path: string, bytes: number, modifiedMs: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const { prefix, name } = splitPath(path);
  block.write(name, 0);
  block.write(octal(MODE, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(bytes, 12), 124);
  block.write(octal(Math.floor(modifiedMs / 1_000), 12), 136);
  block.write(' '.repeat(8), 148);
  block.write(REGULAR_FILE, 156);
  block.write('ustar\x0000', 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** The number in a field of this size, with the zero byte that ends it. */
function octal(value: number, size: number): string {
  return `${value.toString(8).padStart(size - 1, '0')}\0`;
}

function splitPath(path: string): { readonly prefix: string; readonly name: string } {
  if (Buffer.byteLength(path) <= NAME_MAX) return { prefix: '', name: path };
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    const fits = Buffer.byteLength(prefix) <= PREFIX_MAX && Buffer.byteLength(name) <= NAME_MAX;
    if (fits) return { prefix, name };
  }
  throw new Error(`${path} is too long for an archive`);
}
