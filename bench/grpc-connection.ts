import { connect, type Socket } from 'node:net';
import {
  DEFAULT_FRAME_BYTES_MAX,
  DEFAULT_WINDOW_BYTES,
  Flag,
  frame,
  FRAME_HEADER_BYTES,
  FrameType,
  PREFACE,
  Setting,
  settingsFrame,
  WINDOW_BYTES_MAX,
  windowUpdateFrame,
  writeFrameHeader,
} from './http2-frames.ts';

/** What came of a call. An answer without any message carries its error in headers, which we do not read. */
export interface CallOutcome {
  readonly messages: readonly Buffer[];
  /** Why the call ended early: the stream was reset or the connection lost. */
  readonly failure: string | undefined;
}

interface Call {
  readonly done: (outcome: CallOutcome) => void;
  /** Bytes of the answer that are not yet a whole gRPC message. */
  partial: Buffer | undefined;
  readonly messages: Buffer[];
  /** Flow control: what the server still takes on this stream, and what waits for it. */
  sendWindowBytes: number;
  unsent: Buffer | undefined;
}

const GRPC_PREFIX_BYTES = 5;
/** The server may send this much on the connection before it hears from us again. */
const REFILL_BYTES = 2 ** 30;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * One HTTP/2 connection for gRPC calls with one request message each. Costs a few microseconds per call, so that on a machine
 * with few cores the server, not the load generator, is what is measured.
 */
export class GrpcConnection {
  readonly #socket: Socket;
  readonly #calls = new Map<number, Call>();
  /** Calls in the order of their ids that wait for flow control. Bounded by the calls in flight. */
  readonly #blocked = new Set<number>();
  readonly #output: Buffer[] = [];
  #isFlushScheduled = false;
  #nextStream = 1;
  #partial: Buffer | undefined;
  #sendWindowBytes = DEFAULT_WINDOW_BYTES;
  #initialWindowBytes = DEFAULT_WINDOW_BYTES;
  #frameBytesMax = DEFAULT_FRAME_BYTES_MAX;
  #receivedBytes = 0;
  #failure: string | undefined;
  /** Streams that the server allows at once; callers keep below it. */
  maxConcurrentStreams = Infinity;
  /** Called once when the connection is lost. */
  onLost: (reason: string) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => this.#lose(error.message));
    socket.on('close', () => this.#lose('the server closed the connection'));
    this.#write(PREFACE);
    this.#write(
      settingsFrame([
        [Setting.HeaderTableBytes, 0],
        [Setting.EnablePush, 0],
        [Setting.InitialWindowBytes, WINDOW_BYTES_MAX],
      ]),
    );
    this.#write(windowUpdateFrame(0, WINDOW_BYTES_MAX - DEFAULT_WINDOW_BYTES));
  }

  static async open(port: number, host = '127.0.0.1'): Promise<GrpcConnection> {
    const socket = connect({ port, host });
    await new Promise<void>((resolve, reject) => {
      socket.setTimeout(CONNECT_TIMEOUT_MS, () =>
        reject(new Error(`no connection to ${host}:${port}`)),
      );
      socket.once('error', reject);
      socket.once('connect', resolve);
    });
    socket.setTimeout(0);
    socket.removeAllListeners('error');
    return new GrpcConnection(socket);
  }

  get callsInFlight(): number {
    return this.#calls.size;
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  /** Starts a call. `done` runs exactly once, never inside this function. */
  start(headers: Buffer, message: Uint8Array, done: (outcome: CallOutcome) => void): void {
    if (this.#failure !== undefined) {
      const failure = this.#failure;
      process.nextTick(() => done({ messages: [], failure }));
      return;
    }
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const call: Call = {
      done,
      partial: undefined,
      messages: [],
      sendWindowBytes: this.#initialWindowBytes,
      unsent: undefined,
    };
    this.#calls.set(stream, call);
    const body = Buffer.allocUnsafe(GRPC_PREFIX_BYTES + message.length);
    body[0] = 0;
    body.writeUInt32BE(message.length, 1);
    body.set(message, GRPC_PREFIX_BYTES);
    this.#write(frame(FrameType.Headers, Flag.EndHeaders, stream, headers));
    call.unsent = body;
    this.#sendBody(stream, call);
  }

  call(headers: Buffer, message: Uint8Array): Promise<CallOutcome> {
    return new Promise((resolve) => this.start(headers, message, resolve));
  }

  close(): void {
    this.#lose('closed');
  }

  /** Sends as much as both windows allow; the rest waits for WINDOW_UPDATE. */
  #sendBody(stream: number, call: Call): void {
    while (call.unsent) {
      const room = Math.min(this.#sendWindowBytes, call.sendWindowBytes, this.#frameBytesMax);
      if (room <= 0) {
        this.#blocked.add(stream);
        return;
      }
      const part = call.unsent.subarray(0, room);
      call.unsent = part.length < call.unsent.length ? call.unsent.subarray(room) : undefined;
      this.#sendWindowBytes -= part.length;
      call.sendWindowBytes -= part.length;
      const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
      const flags = call.unsent ? 0 : Flag.EndStream;
      writeFrameHeader(header, 0, { length: part.length, type: FrameType.Data, flags, stream });
      this.#write(header);
      this.#write(part);
    }
    this.#blocked.delete(stream);
  }

  #sendBlocked(): void {
    for (const stream of this.#blocked) {
      const call = this.#calls.get(stream);
      if (call) this.#sendBody(stream, call);
      else this.#blocked.delete(stream);
      if (this.#sendWindowBytes <= 0) return;
    }
  }

  /** Gathers what one turn of the event loop sends into one write. */
  #write(bytes: Buffer): void {
    this.#output.push(bytes);
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      const all = Buffer.concat(this.#output);
      this.#output.length = 0;
      if (this.#failure === undefined) this.#socket.write(all);
    });
  }

  #receive(chunk: Buffer): void {
    let bytes = this.#partial ? Buffer.concat([this.#partial, chunk]) : chunk;
    while (bytes.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      const stream = bytes.readUInt32BE(5) & WINDOW_BYTES_MAX;
      const flags = bytes[4] ?? 0;
      this.#takeFrame(bytes[3] ?? 0, flags, stream, bytes.subarray(FRAME_HEADER_BYTES, end));
      bytes = bytes.subarray(end);
    }
    this.#partial = bytes.length > 0 ? bytes : undefined;
  }

  #takeFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FrameType.Data:
        this.#takeData(flags, stream, payload);
        break;
      case FrameType.Headers:
        if (flags & Flag.EndStream) this.#finish(stream, undefined);
        break;
      case FrameType.RstStream:
        this.#finish(stream, `stream reset, error ${payload.readUInt32BE(0)}`);
        break;
      case FrameType.Settings:
        if (!(flags & Flag.Ack)) this.#takeSettings(payload);
        break;
      case FrameType.Ping:
        if (!(flags & Flag.Ack)) this.#write(frame(FrameType.Ping, Flag.Ack, 0, payload));
        break;
      case FrameType.GoAway:
        this.#lose(`the server said goodbye, error ${payload.readUInt32BE(4)}`);
        break;
      case FrameType.WindowUpdate:
        this.#takeWindow(stream, payload.readUInt32BE(0));
        break;
      default: // nothing that a client must understand
    }
  }

  #takeData(flags: number, stream: number, payload: Buffer): void {
    this.#receivedBytes += payload.length;
    if (this.#receivedBytes > REFILL_BYTES) {
      this.#write(windowUpdateFrame(0, this.#receivedBytes));
      this.#receivedBytes = 0;
    }
    const call = this.#calls.get(stream);
    if (!call) return;
    const padding = flags & Flag.Padded ? 1 + (payload[0] ?? 0) : 0;
    const data = padding > 0 ? payload.subarray(1, payload.length - padding + 1) : payload;
    takeMessages(call, data);
    if (flags & Flag.EndStream) this.#finish(stream, undefined);
  }

  #takeSettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      const name = payload.readUInt16BE(at);
      if (name === Setting.MaxConcurrentStreams) this.maxConcurrentStreams = value;
      if (name === Setting.MaxFrameBytes) this.#frameBytesMax = value;
      if (name === Setting.InitialWindowBytes) {
        const change = value - this.#initialWindowBytes;
        this.#initialWindowBytes = value;
        for (const call of this.#calls.values()) call.sendWindowBytes += change;
      }
    }
    this.#write(frame(FrameType.Settings, Flag.Ack, 0, Buffer.alloc(0)));
    this.#sendBlocked();
  }

  #takeWindow(stream: number, bytes: number): void {
    if (stream === 0) {
      this.#sendWindowBytes += bytes;
      this.#sendBlocked();
      return;
    }
    const call = this.#calls.get(stream);
    if (!call) return;
    call.sendWindowBytes += bytes;
    this.#sendBody(stream, call);
  }

  #finish(stream: number, failure: string | undefined): void {
    const call = this.#calls.get(stream);
    if (!call) return;
    this.#calls.delete(stream);
    this.#blocked.delete(stream);
    call.done({ messages: call.messages, failure });
  }

  #lose(reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#socket.destroy();
    for (const stream of [...this.#calls.keys()]) this.#finish(stream, reason);
    this.onLost(reason);
  }
}

/** Cuts the bytes of an answer into gRPC messages: compressed u8, length u32, message. */
function takeMessages(call: Call, data: Buffer): void {
  let bytes = call.partial ? Buffer.concat([call.partial, data]) : data;
  while (bytes.length >= GRPC_PREFIX_BYTES) {
    const end = GRPC_PREFIX_BYTES + bytes.readUInt32BE(1);
    if (bytes.length < end) break;
    call.messages.push(bytes.subarray(GRPC_PREFIX_BYTES, end));
    bytes = bytes.subarray(end);
  }
  call.partial = bytes.length > 0 ? bytes : undefined;
}
