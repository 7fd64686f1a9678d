/** Asking all brokers the same, and making one answer of theirs. */
import type { ErrorCode } from '../../../common/errors/catalog.ts';
import { MqError } from '../../../common/errors/mq-error.ts';
import { STATUS_OK, statusOf } from '../../../common/errors/status.ts';
import { GRPC_STATUS, rpcStatusOf } from '../../../common/rpc/rpc-error.ts';
import { FORWARDED_HEADER } from '../../../common/rpc/peer-guard.ts';
import { Code, type IStatus } from '../../../proto/generated/v2.ts';
import type { BrokerLink } from '../../broker-links.ts';

/** The command line waits for ten seconds. */
const TIMEOUT_MS = 8_000;

/** What pbjs generates for an rpc, as far as a caller needs it. */
export interface CallableRpc<Request, Response> {
  readonly path: string;
  readonly request: { encode(request: Request): { finish(): Uint8Array } };
  readonly response: { decode(bytes: Uint8Array): Response };
}

interface Answer {
  status?: IStatus | null | undefined;
}

/** What one broker said; without a response when it could not be asked. */
export interface BrokerReply<Response> {
  readonly brokerName: string;
  readonly status: IStatus;
  readonly response: Response | undefined;
}

/** Never rejects: a broker that cannot be asked is a reply too. */
export async function ask<Request, Response extends Answer>(
  { brokerName, channel }: BrokerLink,
  rpc: CallableRpc<Request, Response>,
  request: Request,
): Promise<BrokerReply<Response>> {
  const bytes = rpc.request.encode(request).finish();
  const options = { deadlineMs: TIMEOUT_MS, metadata: { [FORWARDED_HEADER]: '1' } };
  try {
    const response = rpc.response.decode(await channel.unary(rpc.path, bytes, options));
    return { brokerName, status: response.status ?? {}, response };
  } catch (error) {
    const fields = { broker: brokerName, limitMs: TIMEOUT_MS, reason: (error as Error).message };
    const isTimeout = rpcStatusOf(error) === GRPC_STATUS.deadlineExceeded;
    const status = statusOf(isTimeout ? 'forward-timeout' : 'forward-failed', fields);
    return { brokerName, status, response: undefined };
  }
}

export function askAll<Request, Response extends Answer>(
  links: readonly BrokerLink[],
  rpc: CallableRpc<Request, Response>,
  request: Request,
): Promise<BrokerReply<Response>[]> {
  if (links.length === 0) throw new MqError('not-ready', { reason: 'no broker is registered' });
  return Promise.all(links.map((link) => ask(link, rpc, request)));
}

export function isOk({ status }: BrokerReply<unknown>): boolean {
  return status.code === Code.OK;
}

/** Messages end with the code of the catalogue, which tells more apart than the protocol's code. */
export function saysCode({ status }: BrokerReply<unknown>, code: ErrorCode): boolean {
  return status.message?.endsWith(`[${code}]`) === true;
}

/**
 * The outcome of a change that every broker was asked for. `isIdle` tells the brokers that had nothing to do: they are not
 * needed for success, but if there are no others, theirs is the answer. Whatever failed is named, with what was done elsewhere.
 */
export function outcomeOf<Response>(
  replies: readonly BrokerReply<Response>[],
  isIdle: (reply: BrokerReply<Response>) => boolean,
): { readonly status: IStatus; readonly response: Response | undefined } {
  const done = replies.filter(isOk);
  const failed = replies.filter((reply) => !isOk(reply) && !isIdle(reply));
  const [firstFailed] = failed;
  const response = done[0]?.response;
  if (firstFailed === undefined) {
    return { status: done.length > 0 ? STATUS_OK : (replies[0]?.status ?? {}), response };
  }
  if (replies.length === 1) return { status: firstFailed.status, response };
  const reasons = failed.map(({ brokerName, status }) => `${brokerName}: ${status.message ?? ''}`);
  const doneOn = done.map(({ brokerName }) => brokerName).join(', ');
  const prefix = doneOn === '' ? '' : `done on ${doneOn}, not on `;
  return {
    status: { code: firstFailed.status.code ?? null, message: `${prefix}${reasons.join('; ')}` },
    response,
  };
}

/**
 * The replies that found what was asked for. When there is none, the reason is thrown as a status: a broker that could not be
 * asked may have it, so its failure goes before another one's "not found".
 */
export function foundIn<Response>(
  replies: readonly BrokerReply<Response>[],
  notFound: ErrorCode,
): { readonly found: readonly Found<Response>[]; readonly refusal: IStatus | undefined } {
  const found = replies.flatMap(({ brokerName, status, response }) =>
    status.code === Code.OK && response !== undefined ? [{ brokerName, response }] : [],
  );
  if (found.length > 0) return { found, refusal: undefined };
  const failure = replies.find((reply) => !saysCode(reply, notFound)) ?? replies[0];
  return { found, refusal: failure?.status ?? {} };
}

export interface Found<Response> {
  readonly brokerName: string;
  readonly response: Response;
}

/** Order of names as everywhere: by UTF-16 code units. */
export function compareText(a: string | null | undefined, b: string | null | undefined): number {
  const [left, right] = [a ?? '', b ?? ''];
  return left < right ? -1 : Number(left > right);
}
