import type { Clock } from '../../common/environment/clock.ts';
import type { Timers } from '../../common/environment/timers.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Metrics } from '../../common/metrics/metrics.ts';
import { CallLimiter } from './call-limiter.ts';
import type { TokenBucketOptions } from './core/token-bucket.ts';
import { Deadline } from './deadline.ts';
import { failureOfAnswer, isKubeError, KubeError } from './kube-error.ts';
import type { KubeAnswer, KubeRequest, KubeTransport } from './kube-transport.ts';

export interface KubePorts {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly rate?: TokenBucketOptions;
}

/** What a call is, for limits, figures and messages. */
export interface KubeCall extends Omit<KubeRequest, 'signal'> {
  readonly verb: string;
  /** Plural of the kind. */
  readonly resource: string;
  /** Name of the object, as it stands in messages; empty for a collection. */
  readonly subject: string;
}

/** Far more than a page of 500 objects has. */
const ANSWER_BYTES_MAX = 64 * 2 ** 20;
/** Texts of warnings that are remembered, so that each is logged once. */
const WARNINGS_MAX = 200;
const SUCCESS_MAX = 299;

/** One call: its turn, its time, its figures, and what its end means. */
export class KubeCaller {
  readonly #ports: KubePorts;
  readonly #limiter: CallLimiter;
  readonly #warned = new Set<string>();

  constructor(ports: KubePorts) {
    this.#ports = ports;
    this.#limiter = new CallLimiter(ports.clock, ports.timers, ports.rate);
  }

  get timers(): Timers {
    return this.#ports.timers;
  }

  /** The object that the server answers with. Rejects with a `KubeError`. */
  async json(call: KubeCall, timeoutMs: number, outer: AbortSignal | undefined): Promise<unknown> {
    const deadline = new Deadline(this.#ports.timers, timeoutMs, outer);
    try {
      const answer = await this.open(call, deadline);
      return parse(await text(answer.body));
    } catch (error) {
      throw this.failure(call, error, deadline);
    } finally {
      deadline.end();
    }
  }

  /** The answer whose head says success; the body is the caller's. Rejects with anything: see `failure`. */
  async open(call: KubeCall, deadline: Deadline): Promise<KubeAnswer> {
    await this.#limiter.turn(deadline.signal);
    const startMs = this.#ports.clock.monotonicMs();
    let code = 'none';
    try {
      const { method, path, contentType, body } = call;
      const answer = await this.#ports.transport.request({
        method,
        path,
        ...(contentType === undefined ? {} : { contentType }),
        ...(body === undefined ? {} : { body }),
        signal: deadline.signal,
      });
      code = String(answer.status);
      this.#warn(answer.warnings);
      if (answer.status <= SUCCESS_MAX) return answer;
      throw failureOfAnswer(
        nameOf(call),
        answer.status,
        await text(answer.body),
        answer.retryAfter,
      );
    } finally {
      const { verb, resource } = call;
      const { metrics, clock } = this.#ports;
      metrics.counter('kubeCalls').cell({ verb, resource, code }).add();
      const seconds = (clock.monotonicMs() - startMs) / 1_000;
      metrics.histogram('kubeCallDuration').cell({ verb, resource }).observe(seconds);
    }
  }

  /** What a call ended with, as a `KubeError`. */
  failure(call: KubeCall, error: unknown, deadline: Deadline): KubeError {
    if (isKubeError(error)) return error;
    const isAborted = deadline.signal.aborted && !deadline.isLate;
    const why = deadline.isLate ? 'no answer in time' : textOf(error);
    return new KubeError({
      kind: isAborted ? 'aborted' : 'unreachable',
      status: 0,
      message: `${nameOf(call)}: ${isAborted ? 'given up' : why}`,
      cause: error,
    });
  }

  #warn(warnings: readonly string[]): void {
    for (const warning of warnings) {
      if (this.#warned.has(warning) || this.#warned.size >= WARNINGS_MAX) continue;
      this.#warned.add(warning);
      this.#ports.logger.warn('the API server warns', { warning });
    }
  }
}

const nameOf = ({ verb, resource, subject }: KubeCall): string =>
  `${verb} ${resource}${subject === '' ? '' : ` ${subject}`}`;

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > ANSWER_BYTES_MAX)
      throw new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new Error('the answer is not JSON', { cause: error });
  }
}

function textOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : String(error);
}
