import { assert } from '../../common/assert.ts';
import type { Disk, DiskFile } from '../../common/environment/disk.ts';

/** Bugs that people really write. The simulator has to find each of them, or it proves nothing. */
export type PlantedBug =
  | 'acknowledges-before-sync'
  | 'forgets-to-sync-directory'
  | 'trusts-file-after-failed-sync'
  | 'recovers-without-checksum';

/** Taken once: in jest's sandbox each look at a global is slow, and this runs for every byte. */
const { imul } = Math;

const PATH = '/toy/log';
const RECOVERED_PATH = '/toy/log.recovered';

/** Block: value u32, inverted value u32, padding. Larger than a sector, so that it can be torn. */
const BLOCK_BYTES = 700;

/**
 * The smallest thing that must not lose what it has acknowledged: a file of numbers in checksummed blocks. It exists to
 * prove the simulator, and as the pattern for scenarios of real stores.
 */
export class ToyLog {
  readonly values: number[];
  readonly #file: DiskFile;
  readonly #bug: PlantedBug | undefined;

  private constructor(file: DiskFile, values: number[], bug: PlantedBug | undefined) {
    this.#file = file;
    this.values = values;
    this.#bug = bug;
  }

  /**
   * Recovers by copying the valid blocks to a new file, durable before it takes the old one's name. After a failed sync a
   * file may read well from the cache and still be lost, so nothing less is enough.
   */
  static async open(disk: Disk, bug?: PlantedBug): Promise<ToyLog> {
    await disk.makeDirectory('/toy');
    const old = await disk.open(PATH, { create: true });
    const values = readValues(await disk.readFile(PATH), bug !== 'recovers-without-checksum');
    await old.close();
    if (bug === 'trusts-file-after-failed-sync') {
      const same = await disk.open(PATH, { create: true });
      await same.truncate(values.length * BLOCK_BYTES);
      await same.sync();
      await disk.syncDirectory('/toy');
      return new ToyLog(same, values, bug);
    }
    await disk.remove(RECOVERED_PATH);
    const file = await disk.open(RECOVERED_PATH, { create: true });
    await file.write(0, values.map(makeBlock));
    await file.sync();
    await disk.rename(RECOVERED_PATH, PATH);
    if (bug !== 'forgets-to-sync-directory') await disk.syncDirectory('/toy');
    return new ToyLog(file, values, bug);
  }

  /** When it resolves, the value is durable. When it rejects the outcome is unknown, and the log must be opened anew. */
  async append(value: number): Promise<void> {
    const position = this.values.length * BLOCK_BYTES;
    this.values.push(value);
    await this.#file.write(position, [makeBlock(value)]);
    if (this.#bug !== 'acknowledges-before-sync') await this.#file.sync();
  }
}

function makeBlock(value: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES, value & 0xff);
  block.writeUInt32BE(value, 0);
  block.writeUInt32BE(sum(block), BLOCK_BYTES - 4);
  return block;
}

/** Values of the blocks up to the first that is torn. */
function readValues(content: Buffer, checksSums: boolean): number[] {
  const values: number[] = [];
  for (let start = 0; start + BLOCK_BYTES <= content.length; start += BLOCK_BYTES) {
    const block = content.subarray(start, start + BLOCK_BYTES);
    if (checksSums && block.readUInt32BE(BLOCK_BYTES - 4) !== sum(block)) break;
    values.push(block.readUInt32BE(0));
  }
  return values;
}

function sum(block: Buffer): number {
  let total = 1;
  for (let i = 0; i < BLOCK_BYTES - 4; i++) total = (imul(total, 31) + block[i]!) >>> 0;
  return total;
}

/** Everything acknowledged is there, in order; what is there besides was at least asked for. */
export function checkToyLog(found: number[], acknowledged: number[], asked: Set<number>): void {
  const present = new Set(found);
  for (const value of acknowledged) {
    assert(present.has(value), `acknowledged value ${value} is there after a crash`);
  }
  for (const [index, value] of found.entries()) {
    assert(asked.has(value), `value ${value} was appended by somebody`);
    assert(index === 0 || value > found[index - 1]!, `value ${value} is in order`);
  }
}
