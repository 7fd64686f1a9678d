/** A bare client of the MessagingService: one call at a time, as an official client would put it on the wire. */
import { Client, credentials, Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import {
  MessagingServiceMethods,
  ReceiveMessageRequest,
  ReceiveMessageResponse,
  TelemetryCommand,
  type IReceiveMessageRequest,
  type IReceiveMessageResponse,
  type ISettings,
  type ITelemetryCommand,
} from '../../proto/generated/v2.ts';

type Methods = typeof MessagingServiceMethods;
type Request<Name extends keyof Methods> = Parameters<Methods[Name]['request']['encode']>[0];
type Response<Name extends keyof Methods> = ReturnType<Methods[Name]['response']['decode']>;

export const JAVA = {
  'x-mq-client-id': 'host@1@0@a',
  'x-mq-language': 'JAVA',
  'x-mq-client-version': '5.0.7',
};

export class MessagingClient {
  readonly client: Client;
  headers: Record<string, string>;

  constructor(port: number, headers: Record<string, string> = JAVA, tls = false) {
    const creds = tls
      ? credentials.createSsl(null, null, null, { rejectUnauthorized: false })
      : credentials.createInsecure();
    this.headers = headers;
    this.client = new Client(`${tls ? 'localhost' : '127.0.0.1'}:${port}`, creds, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
    });
  }

  call<Name extends keyof Methods>(
    name: Name,
    request: Request<Name>,
    timeoutMs = 5_000,
  ): Promise<Response<Name>> {
    const method = MessagingServiceMethods[name];
    const bytes = Buffer.from(method.request.encode(request as never).finish());
    return this.raw(method.path, bytes, timeoutMs).then(
      (answer) => method.response.decode(answer) as Response<Name>,
    );
  }

  raw(path: string, bytes: Buffer, timeoutMs = 5_000): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + timeoutMs };
      this.client.makeUnaryRequest<Buffer, Buffer>(
        path,
        same,
        same,
        bytes,
        this.#metadata(),
        options,
        (error, answer) => {
          if (error !== null) reject(error);
          else resolve(answer ?? Buffer.alloc(0));
        },
      );
    });
  }

  /** Without `timeoutMs` the call has no deadline. */
  receive(request: IReceiveMessageRequest, timeoutMs?: number): Promise<IReceiveMessageResponse[]> {
    const bytes = Buffer.from(ReceiveMessageRequest.encode(request).finish());
    return this.stream(MessagingServiceMethods.ReceiveMessage.path, bytes, timeoutMs).then(
      (parts) => parts.map((part) => ReceiveMessageResponse.decode(part)),
    );
  }

  cancellableReceive(request: IReceiveMessageRequest): { cancel(): void } {
    const bytes = Buffer.from(ReceiveMessageRequest.encode(request).finish());
    const { path } = MessagingServiceMethods.ReceiveMessage;
    const call = this.client.makeServerStreamRequest<Buffer, Buffer>(
      path,
      same,
      same,
      bytes,
      this.#metadata(),
    );
    call.on('error', () => {});
    call.resume();
    return call;
  }

  stream(path: string, bytes: Buffer, timeoutMs?: number): Promise<Buffer[]> {
    return new Promise((resolve, reject) => {
      const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
      const call = this.client.makeServerStreamRequest<Buffer, Buffer>(
        path,
        same,
        same,
        bytes,
        this.#metadata(),
        options,
      );
      const parts: Buffer[] = [];
      call.on('data', (part: Buffer) => parts.push(part));
      call.on('error', reject);
      call.on('end', () => resolve(parts));
    });
  }

  telemetry(): TelemetryClient {
    const { path } = MessagingServiceMethods.Telemetry;
    return new TelemetryClient(
      this.client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same, this.#metadata()),
    );
  }

  close(): void {
    this.client.close();
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(this.headers)) metadata.set(key, value);
    return metadata;
  }
}

export class TelemetryClient {
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  readonly received: ITelemetryCommand[] = [];
  headersArrived = false;
  ended: { code: number; details: string } | undefined;

  constructor(stream: ClientDuplexStream<Buffer, Buffer>) {
    this.stream = stream;
    stream.on('metadata', () => (this.headersArrived = true));
    stream.on('data', (bytes: Buffer) => this.received.push(TelemetryCommand.decode(bytes)));
    stream.on('status', (status) => (this.ended = status));
    stream.on('error', () => {});
  }

  settings(settings: ISettings): void {
    this.stream.write(Buffer.from(TelemetryCommand.encode({ settings }).finish()));
  }
}

function same(value: Buffer): Buffer {
  return value;
}
