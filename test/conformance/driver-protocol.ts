/**
 * How the suite talks to a client under test. Each official client is wrapped in a small *driver* program, a process that
 * reads one JSON request per line on its standard input and writes one JSON response per line to its standard output, in
 * any order (requests run concurrently). Everything else that a client library prints goes to standard error.
 *
 *     → {"id":7,"op":"send","args":{…}}
 *     ← {"id":7,"result":{…}}            or        ← {"id":7,"error":{"message":"…","code":40013}}
 *
 * A driver uses TLS for everything when its environment has ORBITMQ_CONFORMANCE_TLS=1 (in Go the choice is global).
 *
 * So the cases are written once, in cases.ts, and a driver knows nothing of them. `code` is the status code of the protocol
 * when the client library tells it, else null. Bodies are base64. Durations are milliseconds; drivers of clients that
 * count in seconds divide.
 */
export interface DriverOperations {
  hello: { args: Record<string, never>; result: { client: string } };
  /** `moreTopics` are announced too; only the Node driver looks at them, for its starts with several topics. */
  startProducer: {
    args: StartArgs & { moreTopics?: readonly string[] };
    result: { handle: string };
  };
  send: { args: { handle: string; message: OutgoingMessage }; result: { messageId: string } };
  startSimpleConsumer: {
    args: ConsumerArgs & { awaitMs: number };
    result: { handle: string };
  };
  /** One poll; an empty one gives no messages, whatever the client library makes of it. */
  receive: {
    args: { handle: string; max: number; invisibleMs: number };
    result: { messages: IncomingMessage[] };
  };
  /** Acknowledges what `receive` gave; with `receiptHandle` that one is used in place of the message's own. */
  ack: { args: { ref: string; receiptHandle?: string }; result: Record<string, never> };
  changeInvisible: { args: { ref: string; invisibleMs: number }; result: Record<string, never> };
  /** Its listener fails each message's first `failFirst` deliveries and consumes the next one. */
  startPushConsumer: {
    args: ConsumerArgs & { failFirst: number };
    result: { handle: string };
  };
  /** Deliveries to the listener so far, in their order, beginning with number `from`. */
  delivered: { args: { handle: string; from: number }; result: { messages: IncomingMessage[] } };
  /** Shuts one client down. */
  stop: { args: { handle: string }; result: Record<string, never> };
}

export type Operation = keyof DriverOperations;

export interface StartArgs {
  /** host:port */
  readonly endpoint: string;
  readonly topic: string;
}

export interface ConsumerArgs extends StartArgs {
  readonly group: string;
  /** Tag expression: `*`, `A`, `A || B`. */
  readonly filter: string;
}

export interface OutgoingMessage {
  readonly topic: string;
  readonly body: string;
  readonly tag?: string;
  readonly keys?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
}

export interface IncomingMessage {
  /** Names the message in later requests to the same driver; '' where a push consumer settles it by itself. */
  readonly ref: string;
  readonly messageId: string;
  readonly topic: string;
  readonly body: string;
  readonly tag: string | null;
  readonly keys: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly attempt: number;
  readonly bornHost: string;
  /** Some clients keep whole seconds only. */
  readonly bornTimestampMs: number;
  /** null where the client library hides it. */
  readonly receiptHandle: string | null;
}

export interface DriverRequest {
  readonly id: number;
  readonly op: Operation;
  readonly args: unknown;
}

export interface DriverResponse {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly code: number | null };
}
