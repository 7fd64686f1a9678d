import { isMqError } from '../errors/mq-error.ts';

/** Field names whose values never leave the process, whatever they hold. */
const SECRET_NAME =
  /(password|passwd|secret|token|credential|authorization|private[-_]?key|signature|cookie)/i;
/** Secrets inside of text: PEM blocks, credentials in URLs, `Signature=` of the client's authorization header. */
const SECRET_TEXT: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, '[redacted]'],
  [/(:\/\/[^\s:@/]{1,200}:)[^\s@/]+@/g, '$1[redacted]@'],
  [/\b(Signature|Credential|password|secret)=[^\s,;&]+/gi, '$1=[redacted]'],
];

const REDACTED = '[redacted]';
const DEPTH_MAX = 4;
const ITEMS_MAX = 32;
const TEXT_CHARACTERS_MAX = 2_000;

/** A value as it may be logged: secrets removed, size bounded, errors and bytes turned into something readable. */
export function redact(value: unknown, name = '', depth = 0): unknown {
  if (SECRET_NAME.test(name)) return value === undefined ? undefined : REDACTED;
  switch (typeof value) {
    case 'string':
      return redactText(value);
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'function':
      return '[function]';
    case 'object':
      return value === null ? null : redactObject(value, depth);
    default:
      return value;
  }
}

/** Cut first, so that the patterns never run over more than a bounded text; a secret that is cut is still found. */
export function redactText(text: string): string {
  const head = text.slice(0, TEXT_CHARACTERS_MAX);
  const clean = SECRET_TEXT.reduce((part, [pattern, to]) => part.replace(pattern, to), head);
  return head.length === text.length ? clean : `${clean}… (${text.length} characters)`;
}

function redactObject(value: object, depth: number): unknown {
  if (isErrorLike(value)) return describeError(value);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= DEPTH_MAX) return '[…]';
  if (Array.isArray(value)) {
    const items = value.slice(0, ITEMS_MAX).map((item) => redact(item, '', depth + 1));
    return value.length > ITEMS_MAX ? [...items, `… (${value.length} items)`] : items;
  }
  const entries = Object.entries(value).slice(0, ITEMS_MAX);
  return Object.fromEntries(entries.map(([key, item]) => [key, redact(item, key, depth + 1)]));
}

interface ErrorLike {
  readonly message: string;
  readonly stack?: string;
  readonly code?: unknown;
}

/** By shape and not by `instanceof`: errors of node:fs belong to another realm inside of jest. */
function isErrorLike(value: object): value is ErrorLike {
  return 'message' in value && typeof value.message === 'string' && 'stack' in value;
}

/** What a network answers, by itself or through the name service, when a peer is not there; and the API of Kubernetes. */
const EXPECTED_CODES = new Set(
  'ENOTFOUND EAI_AGAIN ECONNREFUSED ECONNRESET EHOSTUNREACH ENETUNREACH ETIMEDOUT EPIPE KUBE'.split(
    ' ',
  ),
);

/** An expected error is its message and code; anything else is a bug or the unknown, and has its stack. */
function describeError(error: ErrorLike): Readonly<Record<string, unknown>> {
  const code =
    typeof error.code === 'string' || typeof error.code === 'number' ? error.code : undefined;
  return {
    message: redactText(error.message),
    ...(code !== undefined && { code }),
    ...(!isExpected(error) && error.stack !== undefined && { stack: redactText(error.stack) }),
  };
}

/** A call that failed at a peer or on the way to it: its stack is that of the library, and says nothing of the cause. */
function isExpected(error: ErrorLike): boolean {
  if (isMqError(error) || 'rpcStatus' in error) return true;
  return typeof error.code === 'string' && EXPECTED_CODES.has(error.code);
}
