import { receiptMac } from '../../common/crypto/receipt-mac.ts';
import type { Disk } from '../../common/environment/disk.ts';
import type { Random } from '../../common/environment/random.ts';
import {
  decodeReceiptHandle,
  encodeReceiptHandle,
  type DecodedReceipt,
  type Mac,
  type ReceiptHandle,
} from '../../common/model/receipt-handle.ts';

const KEY_BYTES = 32;
const KEY_FILE = 'receipt.key';

/** Makes and opens receipt handles with a key that stays with the data, so that handles survive a restart. */
export class ReceiptBook {
  #key: Uint8Array;
  #mac: Mac;

  constructor(key: Uint8Array) {
    this.#key = key;
    this.#mac = receiptMac(key);
  }

  get key(): Uint8Array {
    return this.#key;
  }

  /** The key of the broker group: handles that another member gave out are good here too. */
  useKey(key: Uint8Array): void {
    this.#key = key;
    this.#mac = receiptMac(key);
  }

  /** Reads the key of a data directory, or makes one. */
  static async open(directory: string, disk: Disk, random: Random): Promise<ReceiptBook> {
    const path = `${directory}/${KEY_FILE}`;
    const names = await disk.list(directory);
    if (names.includes(KEY_FILE)) {
      const key = await disk.readFile(path);
      if (key.length === KEY_BYTES) return new ReceiptBook(key);
    }
    const key = random.bytes(KEY_BYTES);
    const file = await disk.open(`${path}.new`, { create: true });
    try {
      await file.truncate(0);
      await file.write(0, [key]);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(`${path}.new`, path);
    await disk.syncDirectory(directory);
    return new ReceiptBook(key);
  }

  encode(handle: ReceiptHandle): string {
    return encodeReceiptHandle(handle, this.#mac);
  }

  decode(text: string): DecodedReceipt {
    return decodeReceiptHandle(text, this.#mac);
  }
}
