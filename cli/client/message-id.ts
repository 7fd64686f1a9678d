const VERSION = '01';
const EPOCH_SECONDS = Date.UTC(2021, 0, 1) / 1_000;
const UINT32 = 2 ** 32;

/**
 * Message ids as official clients make them: 34 hexadecimal digits of version (1 byte), machine (6), process (2), seconds since
 * 2021 (4) and a sequence number (4).
 */
export class MessageIdSource {
  readonly #prefix: string;
  #sequence: number;

  /** `random`: twelve bytes, six in place of a MAC address, four for where the sequence starts. */
  constructor(random: Buffer, pid: number, nowMs: number) {
    const seconds = Math.floor(nowMs / 1_000) - EPOCH_SECONDS;
    const machine = random.subarray(0, 6).toString('hex');
    this.#prefix =
      `${VERSION}${machine}${hex(pid % 65_536, 4)}${hex(seconds % UINT32, 8)}`.toUpperCase();
    this.#sequence = random.readUInt32BE(6);
  }

  next(): string {
    this.#sequence = (this.#sequence + 1) % UINT32;
    return this.#prefix + hex(this.#sequence, 8).toUpperCase();
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
