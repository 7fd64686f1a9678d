import { HttpMethod, KubeConfig, RequestContext } from '@kubernetes/client-node';
import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../../common/environment/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { KubeAnswer, KubeRequest, KubeTransport } from './kube-transport.ts';

/** How long credentials are used before the files behind them are looked at again, as in client-go. */
const CREDENTIALS_MS = 30_000;
const UNAUTHORIZED = 401;

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
  /** What the connections are made with; a change needs new ones. */
  readonly material: string;
  readonly untilMs: number;
}

/** Where the kubeconfig comes from: a file, or the usual places (KUBECONFIG, ~/.kube/config, the pod's service account). */
export function loadKubeConfig(file?: string): KubeConfig {
  const config = new KubeConfig();
  if (file === undefined) config.loadFromDefault();
  else config.loadFromFile(file);
  return config;
}

/**
 * Requests with the credentials of a kubeconfig, over connections that are kept: client-node 2.0.1 would make a new pool, and
 * so a new TLS connection, for every request. Tokens and certificates that change are taken up.
 */
export class KubeconfigTransport implements KubeTransport {
  readonly #config: KubeConfig;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #origin: string;
  readonly #basePath: string;
  #credentials: Credentials | undefined;
  #refreshing: Promise<Credentials> | undefined;

  constructor(config: KubeConfig, clock: Clock, logger: Logger) {
    const { origin, pathname } = new URL(config.getCurrentCluster()?.server ?? 'http://localhost');
    this.#config = config;
    this.#clock = clock;
    this.#logger = logger;
    this.#origin = origin;
    this.#basePath = pathname.replace(/\/$/, '');
  }

  async request({ method, path, contentType, body, signal }: KubeRequest): Promise<KubeAnswer> {
    const { headers, dispatcher } = await this.#current();
    const answer = await dispatcher.request({
      origin: this.#origin,
      path: `${this.#basePath}${path}`,
      method,
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': 'orbitmq-operator',
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
      },
      body: body ?? null,
      signal,
      // The caller's signal bounds every call; a watch may be silent for as long as its watchdog allows.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    if (answer.statusCode === UNAUTHORIZED) this.#expire();
    const { 'retry-after': retryAfter, warning } = answer.headers;
    return {
      status: answer.statusCode,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
      warnings: warning === undefined ? [] : [warning].flat(),
      body: answer.body as AsyncIterable<Uint8Array>,
    };
  }

  async close(): Promise<void> {
    const credentials = this.#credentials;
    this.#credentials = undefined;
    await credentials?.dispatcher.destroy();
  }

  async #current(): Promise<Credentials> {
    const credentials = this.#credentials;
    if (credentials !== undefined && this.#clock.monotonicMs() < credentials.untilMs) {
      return credentials;
    }
    this.#refreshing ??= this.#refresh(credentials).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(previous: Credentials | undefined): Promise<Credentials> {
    const tls: Record<string, unknown> = {};
    await this.#config.applyToHTTPSOptions(tls);
    const material = materialOf(tls);
    const untilMs = this.#clock.monotonicMs() + CREDENTIALS_MS;
    const context = new RequestContext(this.#origin, HttpMethod.GET);
    await this.#config.applySecurityAuthentication(context);
    const headers = context.getHeaders();
    const isSame = previous?.material === material;
    const dispatcher = isSame ? previous.dispatcher : (context.getDispatcher() ?? new Agent());
    if (previous !== undefined && !isSame) this.#retire(previous.dispatcher);
    this.#credentials = { headers, dispatcher, material, untilMs };
    return this.#credentials;
  }

  /** The next request looks at the files again: the token may have been replaced. */
  #expire(): void {
    if (this.#credentials !== undefined) {
      this.#credentials = { ...this.#credentials, untilMs: Number.NEGATIVE_INFINITY };
    }
  }

  /** Lets what is under way end: a watch goes on with the old certificate for at most its own time. */
  #retire(dispatcher: Dispatcher): void {
    this.#logger.info('the credentials of the cluster have changed: new connections');
    dispatcher.close().catch((error: unknown) => {
      this.#logger.warn('old connections to the API server did not close', { error });
    });
  }
}

function materialOf(tls: Readonly<Record<string, unknown>>): string {
  const parts = [tls['ca'], tls['cert'], tls['key'], tls['servername'], tls['rejectUnauthorized']];
  return JSON.stringify(
    parts.map((part) => (Buffer.isBuffer(part) ? part.toString('utf8') : part)),
  );
}
