import { HttpMethod, KubeConfig, RequestContext } from '@kubernetes/client-node';
import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../../common/environment/clock.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { systemReason } from '../../common/errors/system-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { KubeAnswer, KubeRequest, KubeTransport } from './kube-transport.ts';

/** How long credentials are used before the files behind them are looked at again, as in client-go. */
const CREDENTIALS_MS = 30_000;
const UNAUTHORIZED = 401;

/**
 * Not HTTP/2, which an API server prefers: a request with a body that is aborted before it is sent leaves node's session writing
 * without an end, until the memory is full (undici 8.12.4 with Node 24.21).
 */
const HTTP_1 = { allowH2: false };

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
  /** What the connections are made with; a change needs new ones. */
  readonly material: string;
  readonly untilMs: number;
}

/** What client-node calls the context that it makes up where nothing says which API server there is. */
const MADE_UP_CONTEXT = 'loaded-context';

/**
 * Where the kubeconfig comes from: a file, or the usual places (KUBECONFIG, ~/.kube/config, the pod's service account).
 * `context`: instead of the one that it names as current. Throws `kubeconfig-unusable`.
 */
export function loadKubeConfig(file?: string, context?: string): KubeConfig {
  const config = new KubeConfig();
  const what = file === undefined ? 'the kubeconfig' : `the kubeconfig ${file}`;
  const unusable = (reason: string, cause?: unknown): MqError =>
    new MqError('kubeconfig-unusable', { what, reason }, cause);
  try {
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
  } catch (error) {
    const { path } = error as { path?: unknown };
    const where = typeof path === 'string' && path !== file ? `${path}: ` : '';
    throw unusable(`${where}${systemReason(error)}`, error);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const problem = problemOf(config);
  if (problem !== undefined) throw unusable(problem);
  return config;
}

/** Why its current context leads nowhere. */
function problemOf(config: KubeConfig): string | undefined {
  const current = config.getCurrentContext();
  if (current === MADE_UP_CONTEXT) return 'there is none';
  if (config.getContextObject(current) === null) {
    const known = config.getContexts().map(({ name }) => name);
    const names = known.length === 0 ? 'no contexts' : `the contexts ${known.join(', ')}`;
    return current === '' ? 'it names no current context' : `no "${current}": it has ${names}`;
  }
  const server = config.getCurrentCluster()?.server;
  const isAddress = server !== undefined && URL.canParse(server);
  return isAddress ? undefined : `its context ${current} leads to no cluster`;
}

/**
 * Requests with the credentials of a kubeconfig, over connections that are kept: client-node 2.0.1 would make a new pool, and
 * so a new TLS connection, for every request. Tokens and certificates that change are taken up.
 */
export class KubeconfigTransport implements KubeTransport {
  readonly #config: KubeConfig;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #userAgent: string;
  readonly #origin: string;
  readonly #basePath: string;
  #credentials: Credentials | undefined;
  #refreshing: Promise<Credentials> | undefined;

  /** `userAgent`: how the audit log of the API server names who asks. */
  constructor(config: KubeConfig, clock: Clock, logger: Logger, userAgent = 'orbitmq-operator') {
    const { origin, pathname } = new URL(config.getCurrentCluster()?.server ?? 'http://localhost');
    this.#config = config;
    this.#userAgent = userAgent;
    this.#clock = clock;
    this.#logger = logger;
    this.#origin = origin;
    this.#basePath = pathname.replace(/\/$/, '');
  }

  async request({ method, path, contentType, body, signal }: KubeRequest): Promise<KubeAnswer> {
    const { headers, dispatcher } = await this.#current();
    const answer = await dispatcher.request({
      ...HTTP_1,
      origin: this.#origin,
      path: `${this.#basePath}${path}`,
      method,
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': this.#userAgent,
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
