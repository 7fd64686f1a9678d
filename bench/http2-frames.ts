/**
 * As much HTTP/2 (RFC 9113) and HPACK (RFC 7541) as a gRPC client needs that wants to be cheaper than the server it measures:
 * frames by hand, header fields as literals without a dynamic table, and no look into the headers of answers.
 *
 *     frame = length u24 · type u8 · flags u8 · stream u32 · payload
 */
export const FRAME_HEADER_BYTES = 9;
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const FrameType = {
  Data: 0,
  Headers: 1,
  RstStream: 3,
  Settings: 4,
  Ping: 6,
  GoAway: 7,
  WindowUpdate: 8,
} as const;

export const Flag = { EndStream: 0x1, Ack: 0x1, EndHeaders: 0x4, Padded: 0x8 } as const;

export const Setting = {
  HeaderTableBytes: 1,
  EnablePush: 2,
  MaxConcurrentStreams: 3,
  InitialWindowBytes: 4,
  MaxFrameBytes: 5,
} as const;

/** Before any SETTINGS, RFC 9113 6.5.2. */
export const DEFAULT_WINDOW_BYTES = 65_535;
export const DEFAULT_FRAME_BYTES_MAX = 16_384;
/** The largest window that the protocol allows. */
export const WINDOW_BYTES_MAX = 2 ** 31 - 1;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(bytes, 0, { length: payload.length, type, flags, stream });
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

export function writeFrameHeader(
  target: Buffer,
  at: number,
  header: { length: number; type: number; flags: number; stream: number },
): void {
  target.writeUIntBE(header.length, at, 3);
  target[at + 3] = header.type;
  target[at + 4] = header.flags;
  target.writeUInt32BE(header.stream, at + 5);
}

export function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [name, value]] of settings.entries()) {
    payload.writeUInt16BE(name, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(FrameType.Settings, 0, 0, payload);
}

export function windowUpdateFrame(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(FrameType.WindowUpdate, 0, stream, payload);
}

/** Fields of HPACK's static table that we use: whole fields, or names for a literal value. */
const METHOD_POST = 0x83;
const SCHEME_HTTP = 0x86;
const NAME_AUTHORITY = 1;
const NAME_PATH = 4;
const NAME_CONTENT_TYPE = 31;
const NAME_USER_AGENT = 58;

/** Integer with a prefix of `prefixBits`, RFC 7541 5.1. */
function integer(value: number, prefixBits: number): number[] {
  const limit = 2 ** prefixBits - 1;
  if (value < limit) return [value];
  const bytes = [limit];
  let rest = value - limit;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([Buffer.from(integer(bytes.length, 7)), bytes]);
}

/** A literal field without indexing: every request carries it whole, and the server keeps nothing. */
function literal(name: number | string, value: string): Buffer {
  if (typeof name === 'number') {
    return Buffer.concat([Buffer.from(integer(name, 4)), text(value)]);
  }
  return Buffer.concat([Buffer.of(0), text(name), text(value)]);
}

/** The header block of a gRPC call, ready to be sent any number of times. */
export function requestHeaders(
  authority: string,
  path: string,
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const fields = [
    Buffer.of(METHOD_POST, SCHEME_HTTP),
    literal(NAME_PATH, path),
    literal(NAME_AUTHORITY, authority),
    literal('te', 'trailers'),
    literal(NAME_CONTENT_TYPE, 'application/grpc'),
    literal(NAME_USER_AGENT, 'orbitmq-bench'),
    ...Object.entries(metadata).map(([name, value]) => literal(name, value)),
  ];
  return Buffer.concat(fields);
}
