/** Bytes that are not the protobuf message they should be: the sender's fault, an expected outcome of parsing. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code = 'WIRE_MALFORMED';
  readonly reason: string;
  /** Byte position in the parsed buffer. */
  readonly position: number;

  constructor(reason: string, position: number) {
    super(`malformed protobuf at byte ${position}: ${reason}`);
    this.reason = reason;
    this.position = position;
  }
}
