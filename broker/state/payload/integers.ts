const UINT32 = 2 ** 32;

/** 48-bit big-endian integers, written as two halves: faster than Buffer's own variable-length calls. */
export function writeUint48(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt16BE(Math.floor(value / UINT32), at);
  buffer.writeUInt32BE(value % UINT32, at + 2);
}

export function readUint48(buffer: Buffer, at: number): number {
  return buffer.readUInt16BE(at) * UINT32 + buffer.readUInt32BE(at + 2);
}
