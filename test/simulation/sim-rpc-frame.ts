/**
 * What travels over a SimConnection for an rpc, both ways:
 *
 * | bytes | field |
 * |---|---|
 * | 1 | kind |
 * | 4 | number of the call on its connection |
 * | 2 | length of the head |
 * | … | head, UTF-8: of `open` the call as JSON, of `end` status and details, of `credit` a number |
 * | … | body: a message |
 */
export const FRAME = {
  /** A new call. Of one with a single request message the body is that message, and nothing else follows. */
  open: 1,
  message: 2,
  halfClose: 3,
  cancel: 4,
  /** From the server: the call is over. */
  end: 5,
  /** From the server: the one message of the response, and the call is over. */
  answer: 6,
  /** From the client: so many bytes more have been read. */
  credit: 7,
} as const;

export interface Frame {
  readonly kind: number;
  readonly call: number;
  readonly head: string;
  readonly body: Buffer;
}

/** Head of `open`. */
export interface OpenHead {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly deadlineMs: number | undefined;
  readonly isSingle: boolean;
}

const HEAD_START = 7;
const EMPTY = Buffer.alloc(0);

export function makeFrame(kind: number, call: number, head = '', body: Uint8Array = EMPTY): Buffer {
  const headBytes = head === '' ? 0 : Buffer.byteLength(head);
  const frame = Buffer.allocUnsafe(HEAD_START + headBytes + body.length);
  frame.writeUInt8(kind, 0);
  frame.writeUInt32BE(call, 1);
  frame.writeUInt16BE(headBytes, 5);
  if (headBytes > 0) frame.write(head, HEAD_START);
  frame.set(body, HEAD_START + headBytes);
  return frame;
}

export function parseFrame(frame: Buffer): Frame {
  const headEnd = HEAD_START + frame.readUInt16BE(5);
  return {
    kind: frame.readUInt8(0),
    call: frame.readUInt32BE(1),
    head: headEnd === HEAD_START ? '' : frame.toString('utf8', HEAD_START, headEnd),
    body: frame.subarray(headEnd),
  };
}
