import { gunzipSync } from 'node:zlib';
import { Encoding, type IMessage } from '../../proto/generated/v2.ts';
import { isoTime, toMs } from './proto-time.ts';

/** A message as the command line shows it; the form of `-o json`. Absent things are left out. */
export interface ReceivedMessage {
  readonly messageId: string;
  readonly topic: string;
  readonly tag?: string;
  readonly keys?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
  readonly messageGroup?: string;
  readonly queueId: number;
  readonly offset?: number;
  readonly deliveryAttempt?: number;
  readonly bornTime?: string;
  readonly storeTime?: string;
  readonly bornHost?: string;
  /** Set when the body is text; bodyBase64 otherwise. */
  readonly body?: string;
  readonly bodyBase64?: string;
}

/** A compressed body that grows beyond this is left compressed. */
const UNZIPPED_BYTES_MAX = 64 * 1024 * 1024;

export function receivedMessage(message: IMessage): ReceivedMessage {
  const system = message.systemProperties ?? {};
  return withoutEmpty({
    messageId: system.messageId ?? '',
    topic: message.topic?.name ?? '',
    tag: system.tag,
    keys: system.keys,
    properties: message.userProperties,
    messageGroup: system.messageGroup,
    queueId: system.queueId ?? 0,
    offset: system.queueOffset,
    deliveryAttempt: system.deliveryAttempt,
    bornTime: isoTime(toMs(system.bornTimestamp)),
    storeTime: isoTime(toMs(system.storeTimestamp)),
    bornHost: system.bornHost,
    ...bodyFields(bodyOf(message)),
  });
}

/** Leaves out what is absent or empty, but for the body. */
function withoutEmpty(fields: object): ReceivedMessage {
  const isFull = (name: string, value: unknown): boolean => {
    if (value === undefined || value === null) return false;
    if (typeof value === 'object') return Object.keys(value).length > 0;
    return value !== '' || name === 'body';
  };
  const entries = Object.entries<unknown>(fields as Record<string, unknown>);
  return Object.fromEntries(
    entries.filter(([name, value]) => isFull(name, value)),
  ) as unknown as ReceivedMessage;
}

/** The body as its producer had it. */
function bodyOf(message: IMessage): Uint8Array {
  const body = message.body ?? new Uint8Array();
  if (message.systemProperties?.bodyEncoding !== Encoding.GZIP) return body;
  try {
    return gunzipSync(body, { maxOutputLength: UNZIPPED_BYTES_MAX });
  } catch {
    return body; // labelled GZIP but something else, as C++ clients do: shown as it is
  }
}

function bodyFields(body: Uint8Array): { body: string } | { bodyBase64: string } {
  try {
    return { body: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body) };
  } catch {
    return { bodyBase64: Buffer.from(body).toString('base64') }; // not text
  }
}
