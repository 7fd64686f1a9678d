/**
 * Physical offsets in the file format: 7 bytes, big-endian, of which 53 bits are ever used. Two halves, u24 and u32, because
 * neither Buffer's own calls (at most 6 bytes) nor a BigInt serves on a path that runs for every record.
 */
const UINT32 = 2 ** 32;

export const UINT56_BYTES = 7;

export function writeUint56(buffer: Buffer, value: number, at: number): void {
  const high = Math.floor(value / UINT32);
  buffer[at] = high >>> 16;
  buffer[at + 1] = high >>> 8;
  buffer[at + 2] = high;
  buffer.writeUInt32BE(value % UINT32, at + 3);
}

/** Exact for what `writeUint56` wrote; of damaged bytes it may be above 2^53, and then equals no offset. */
export function readUint56(buffer: Buffer, at: number): number {
  const high =
    ((buffer[at] as number) << 16) | ((buffer[at + 1] as number) << 8) | (buffer[at + 2] as number);
  return high * UINT32 + buffer.readUInt32BE(at + 3);
}
