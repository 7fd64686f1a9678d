import { randomBytes } from 'node:crypto';
import { GrpcConnection, type CallOutcome } from './grpc-connection.ts';
import { requestHeaders } from './http2-frames.ts';
import { bytesField, type Field, fieldsOf, numberField } from './protobuf.ts';

/**
 * The rpcs of a producer and a simple consumer, straight on the wire. Sends the metadata that an official client sends, but no
 * Settings: the server must serve clients whose Settings it does not have.
 */

const SERVICE = '/apache.rocketmq.v2.MessagingService/';
const RPCS = [
  ...['QueryRoute', 'SendMessage', 'ReceiveMessage', 'AckMessage', 'ChangeInvisibleDuration'],
] as const;
type Rpc = (typeof RPCS)[number];

export const OK = 20_000;
export const MESSAGE_NOT_FOUND = 40_401;
export const TOO_MANY_REQUESTS = 42_900;

export interface SendReceipt {
  readonly code: number;
  readonly text: string;
  readonly messageId: string;
  readonly offset: number;
}

export interface ReceivedMessage {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly queueId: number;
  readonly queueOffset: number;
  readonly attempt: number;
  readonly body: Buffer;
}

export interface Received {
  readonly code: number;
  readonly text: string;
  readonly messages: readonly ReceivedMessage[];
}

export interface StatusReply {
  readonly code: number;
  readonly text: string;
}

export interface ReceiveArguments {
  readonly topic: string;
  readonly group: string;
  /** -1 = any queue of the broker. */
  readonly queueId?: number;
  readonly batchSize: number;
  readonly invisibleMs: number;
  readonly awaitMs: number;
}

/** The connection was lost or the server answered with a gRPC error: nobody knows whether the call had an effect. */
export class CallFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CallFailure';
  }
}

const MESSAGE_ID_LENGTH = 34;
const REQUEST_DEADLINE_MS = 30_000;

/** Ids as official clients make them: "01", 6 bytes of machine, 2 of process, 4 of time, 4 of sequence, in upper-case hex. */
export function messageIds(): () => string {
  const prefix = `01${randomBytes(12).toString('hex').toUpperCase()}`;
  let sequence = 0;
  return () => prefix + (sequence++).toString(16).toUpperCase().padStart(8, '0');
}

/** A SendMessage request of which only the message id changes from one send to the next. */
export class SendTemplate {
  readonly #bytes: Buffer;
  readonly #idAt: number;

  constructor(topic: string, body: Uint8Array, queueId = 0) {
    const placeholder = '?'.repeat(MESSAGE_ID_LENGTH);
    const nowMs = Date.now();
    const systemProperties = bytesField(
      3,
      bytesField(1, 'bench'),
      bytesField(2, 'key-1'),
      bytesField(3, placeholder),
      numberField(5, 1),
      numberField(6, 1),
      bytesField(
        7,
        numberField(1, Math.floor(nowMs / 1_000)),
        numberField(2, (nowMs % 1_000) * 1e6),
      ),
      bytesField(8, 'bench-host'),
      numberField(13, queueId),
    );
    const property = bytesField(2, bytesField(1, 'origin'), bytesField(2, 'bench'));
    const message = [
      bytesField(1, bytesField(2, topic)),
      property,
      systemProperties,
      bytesField(4, body),
    ];
    this.#bytes = bytesField(1, ...message);
    this.#idAt = this.#bytes.indexOf(placeholder);
  }

  /** The request for one message. It is overwritten by the next call, so it must be copied before. */
  withId(messageId: string): Buffer {
    this.#bytes.write(messageId, this.#idAt, 'latin1');
    return this.#bytes;
  }
}

export class MessagingClient {
  readonly #connection: GrpcConnection;
  readonly #headers: ReadonlyMap<Rpc, Buffer>;

  private constructor(connection: GrpcConnection, headers: ReadonlyMap<Rpc, Buffer>) {
    this.#connection = connection;
    this.#headers = headers;
  }

  static async open(port: number): Promise<MessagingClient> {
    const metadata = {
      'x-mq-client-id': `bench@${process.pid}@0@${randomBytes(6).toString('hex')}`,
      'x-mq-language': 'JAVA',
      'x-mq-protocol': 'v2',
      'x-mq-client-version': '5.2.0',
      'x-mq-request-id': '6d1f2a1c-3a0c-4a52-8c8c-2a7f5c4f9f10',
      'x-mq-date-time': '20260101T000000Z',
      'x-mq-namespace': '',
      'grpc-accept-encoding': 'gzip',
      'grpc-timeout': `${REQUEST_DEADLINE_MS}m`,
    };
    const headers = RPCS.map((rpc): [Rpc, Buffer] => [
      rpc,
      requestHeaders(`127.0.0.1:${port}`, SERVICE + rpc, metadata),
    ]);
    return new MessagingClient(await GrpcConnection.open(port), new Map(headers));
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  close(): void {
    this.#connection.close();
  }

  /** Asks for the route, which creates the topic on a server that allows that. Resolves with the number of queues. */
  async queryRoute(topic: string): Promise<number> {
    const endpoints = bytesField(2, numberField(1, 1));
    const reply = await this.#call('QueryRoute', Buffer.concat([resource(1, topic), endpoints]));
    let queues = 0;
    for (const { number } of fieldsOf(reply)) if (number === 2) queues++;
    return queues;
  }

  /** Sends an encoded SendMessageRequest, of any number of messages; resolves with the status of the whole. */
  async sendEncoded(request: Uint8Array): Promise<StatusReply> {
    return decodeStatus(await this.#call('SendMessage', request));
  }

  async send(template: SendTemplate, messageId: string): Promise<SendReceipt> {
    return decodeSendReceipt(await this.#call('SendMessage', template.withId(messageId)));
  }

  async receive(given: ReceiveArguments): Promise<Received> {
    const broker = bytesField(4, bytesField(1, ''));
    const queue = [resource(1, given.topic), queueIdField(given.queueId ?? -1), broker];
    const request = Buffer.concat([
      resource(1, given.group),
      bytesField(2, ...queue),
      bytesField(3, numberField(1, 1), bytesField(2, '*')),
      numberField(4, given.batchSize),
      durationField(5, given.invisibleMs),
      durationField(7, given.awaitMs),
    ]);
    const { messages, failure } = await this.#outcome('ReceiveMessage', request);
    if (failure !== undefined || messages.length === 0)
      throw new CallFailure(failure ?? 'gRPC error');
    return decodeReceived(messages);
  }

  async ack(topic: string, group: string, message: ReceivedMessage): Promise<StatusReply> {
    const entry = bytesField(
      3,
      bytesField(1, message.messageId),
      bytesField(2, message.receiptHandle),
    );
    const request = Buffer.concat([resource(1, group), resource(2, topic), entry]);
    return decodeStatus(await this.#call('AckMessage', request));
  }

  async #call(rpc: Rpc, request: Uint8Array): Promise<Buffer> {
    const { messages, failure } = await this.#outcome(rpc, request);
    const [reply] = messages;
    if (failure !== undefined || reply === undefined)
      throw new CallFailure(failure ?? 'gRPC error');
    return reply;
  }

  #outcome(rpc: Rpc, request: Uint8Array): Promise<CallOutcome> {
    return this.#connection.call(this.#headers.get(rpc) as Buffer, request);
  }
}

const resource = (field: number, name: string): Buffer => bytesField(field, bytesField(2, name));

/** int32: a negative number is ten bytes long on the wire. */
function queueIdField(queueId: number): Buffer {
  if (queueId >= 0) return numberField(2, queueId);
  return Buffer.concat([Buffer.of(2 * 8), Buffer.from('ffffffffffffffffff01', 'hex')]);
}

function durationField(field: number, ms: number): Buffer {
  const seconds = Math.floor(ms / 1_000);
  return bytesField(field, numberField(1, seconds), numberField(2, Math.round((ms % 1_000) * 1e6)));
}

function decodeStatusAt(bytes: Buffer, at: Field): StatusReply {
  let code = 0;
  let text = '';
  for (const field of fieldsOf(bytes, at.start, at.end)) {
    if (field.number === 1) code = field.value;
    else if (field.number === 2) text = bytes.toString('utf8', field.start, field.end);
  }
  return { code, text };
}

function decodeStatus(reply: Buffer): StatusReply {
  for (const field of fieldsOf(reply)) if (field.number === 1) return decodeStatusAt(reply, field);
  return { code: 0, text: 'no status' };
}

function decodeSendReceipt(reply: Buffer): SendReceipt {
  const status = decodeStatus(reply);
  let messageId = '';
  let offset = 0;
  for (const entry of fieldsOf(reply)) {
    if (entry.number !== 2) continue;
    for (const field of fieldsOf(reply, entry.start, entry.end)) {
      if (field.number === 2) messageId = reply.toString('latin1', field.start, field.end);
      else if (field.number === 4) offset = field.value;
    }
  }
  return { ...status, messageId, offset };
}

function decodeReceived(replies: readonly Buffer[]): Received {
  let status: StatusReply = { code: 0, text: 'no status' };
  const messages: ReceivedMessage[] = [];
  for (const reply of replies) {
    for (const field of fieldsOf(reply)) {
      if (field.number === 1) status = decodeStatusAt(reply, field);
      else if (field.number === 2) messages.push(decodeMessage(reply, field));
    }
  }
  return { ...status, messages };
}

function decodeMessage(bytes: Buffer, at: Field): ReceivedMessage {
  let body: Buffer = Buffer.alloc(0);
  let properties: Omit<ReceivedMessage, 'body'> = NO_PROPERTIES;
  for (const field of fieldsOf(bytes, at.start, at.end)) {
    if (field.number === 3) properties = decodeSystemProperties(bytes, field);
    else if (field.number === 4) body = bytes.subarray(field.start, field.end);
  }
  return { ...properties, body };
}

const NO_PROPERTIES = { messageId: '', receiptHandle: '', queueId: 0, queueOffset: 0, attempt: 0 };

function decodeSystemProperties(bytes: Buffer, at: Field): Omit<ReceivedMessage, 'body'> {
  const properties = { ...NO_PROPERTIES };
  for (const { number, value, start, end } of fieldsOf(bytes, at.start, at.end)) {
    if (number === 3) properties.messageId = bytes.toString('latin1', start, end);
    else if (number === 12) properties.receiptHandle = bytes.toString('latin1', start, end);
    else if (number === 13) properties.queueId = value;
    else if (number === 14) properties.queueOffset = value;
    else if (number === 16) properties.attempt = value;
  }
  return properties;
}
