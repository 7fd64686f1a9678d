import type { EventEmitter } from 'node:events';
import type { Server } from '@grpc/grpc-js';
import { assert } from '../assert.ts';

const HEADER = 'grpc-timeout';

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** What fits into the 32 bits in which grpc-js counts: 24.8 days. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

function isTooLong(timeout: unknown): boolean {
  if (typeof timeout !== 'string') return false;
  return Number(timeout.slice(0, -1)) * (UNIT_MS[timeout.slice(-1)] ?? 0) > TIMEOUT_MS_MAX;
}

function dropLongTimeout(_stream: unknown, headers: Record<string, unknown>): void {
  if (isTooLong(headers[HEADER])) Reflect.deleteProperty(headers, HEADER);
}

/**
 * Makes calls with a timeout of more than 24.8 days calls without one. grpc-js cuts a timeout down to 32 bits
 * (server-interceptors.js, `| 0`), so that a long one becomes any other, often one that is over; and the Java client opens its
 * Telemetry stream with 60 years. The header has to go before grpc-js looks, and the only place for that is the HTTP/2 server
 * inside it, which it does not show: hence the cast, checked by an assertion and held by the exact version in package.json.
 *
 * To be called after each `createConnectionInjector`, for the HTTP/2 server that it has just made.
 */
export function dropLongTimeouts(server: Server): void {
  const { http2Servers } = server as unknown as { http2Servers?: Map<EventEmitter, unknown> };
  const newest = [...(http2Servers?.keys() ?? [])].at(-1);
  assert(newest !== undefined, 'grpc-js keeps its HTTP/2 servers in http2Servers');
  newest.prependListener('stream', dropLongTimeout);
}
