import {
  address,
  addresses,
  ALL_ROLES,
  EVERY_PROCESS,
  boolean,
  duration,
  integer,
  MESSAGING_ROLES,
  oneOf,
  optionalAddress,
  optionalPath,
  text,
} from './option-definition.ts';

const NAME = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9_.-]*$/,
  patternText: 'letters, digits, "_", "-" and ".", starting with a letter or digit',
  max: 127,
};

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** Where a node listens, what it belongs to, TLS, logs, metrics, start and stop. */
export const SERVER_OPTIONS = {
  listen: address({
    section: 'server',
    summary: 'Address of the MessagingService, for TLS and plaintext on the same port.',
    change: 'To be reached from other machines: 0.0.0.0:8081, together with advertise.',
    default: '127.0.0.1:8081',
    roles: ALL_ROLES,
  }),
  advertise: optionalAddress({
    section: 'server',
    summary: 'Address that clients are told to connect to; without it, the listen address.',
    change: 'Whenever clients reach this node by another name than the one it listens on.',
    roles: ALL_ROLES,
  }),
  httpListen: address({
    section: 'server',
    summary: 'Address of /metrics, /healthz and /readyz.',
    change: 'To let Prometheus or a prober on another machine in: 0.0.0.0:5557.',
    default: '127.0.0.1:5557',
    defaultFor: { operator: '0.0.0.0:5557' },
    roles: EVERY_PROCESS,
  }),
  maxConnections: integer({
    section: 'server',
    summary: 'Client connections open at once; more are closed at once.',
    change:
      'With more clients on one node; each idle connection costs about 50 KiB and one file descriptor.',
    default: '20000',
    min: 1,
    max: 1_000_000,
    roles: ALL_ROLES,
  }),
  handshakeTimeoutMs: duration({
    section: 'server',
    summary: 'Time from connecting to the first complete HTTP/2 preface, TLS included.',
    change: 'On very slow links.',
    default: '10s',
    min: 100,
    max: 5 * MINUTE_MS,
    roles: ALL_ROLES,
  }),
  keepaliveIntervalMs: duration({
    section: 'server',
    summary: 'A connection that was silent for this long is pinged.',
    change: 'Below the idle timeout of a load balancer between clients and node.',
    default: '60s',
    min: SECOND_MS,
    max: 60 * MINUTE_MS,
    roles: ALL_ROLES,
  }),
  keepaliveTimeoutMs: duration({
    section: 'server',
    summary: 'A connection that does not answer the ping within this time is closed.',
    change: 'On very slow links.',
    default: '20s',
    min: 100,
    max: 5 * MINUTE_MS,
    roles: ALL_ROLES,
  }),
  clientExpiryMs: duration({
    section: 'server',
    summary:
      'A client without stream and heartbeat for this long is forgotten, and its messages are no longer renewed.',
    change:
      'Shorter for quicker redelivery after a crash; official clients beat every 10 s, Rust every 30 s.',
    default: '60s',
    min: 5 * SECOND_MS,
    max: 60 * MINUTE_MS,
    roles: MESSAGING_ROLES,
  }),

  clusterName: text({
    section: 'cluster',
    summary: 'Name of the cluster, in metrics and in `orbitmq status`.',
    change: 'When several clusters report to one Prometheus.',
    default: 'DefaultCluster',
    scope: 'cluster',
    roles: ALL_ROLES,
    ...NAME,
  }),
  brokerName: text({
    section: 'cluster',
    summary:
      'Name of the broker group, unique in the cluster; it is part of routes and receipt handles.',
    change:
      'In every cluster with more than one broker. Never later: handles given out would lead nowhere.',
    default: 'broker-a',
    ...NAME,
  }),
  namesrv: addresses({
    section: 'cluster',
    summary:
      'NameServers to register at, HOST:PORT separated by commas; a name with several addresses is several NameServers.',
    change: 'In every cluster that is not a single standalone node.',
    roles: ['broker'],
  }),
  heartbeatIntervalMs: duration({
    section: 'cluster',
    summary: 'How often a broker tells each NameServer that it lives.',
    change: 'Together with the expiry, for slower or quicker detection of a broker that hangs.',
    default: '1s',
    min: 50,
    max: MINUTE_MS,
    scope: 'cluster',
    roles: ['broker', 'namesrv'],
  }),
  heartbeatExpiryMs: duration({
    section: 'cluster',
    summary: 'A broker that was silent for this long leaves the routes.',
    change:
      'Longer where machines pause for seconds; a broker that stops in an orderly way leaves at once.',
    default: '5s',
    min: 200,
    max: 10 * MINUTE_MS,
    scope: 'cluster',
    roles: ['broker', 'namesrv'],
  }),

  tlsEnabled: boolean({
    section: 'tls',
    summary:
      'Whether TLS is spoken besides plaintext; without files a self-signed certificate is made in the data directory.',
    change: 'Off where a proxy in front ends TLS.',
    default: 'true',
    roles: ALL_ROLES,
  }),
  tlsCertFile: optionalPath({
    section: 'tls',
    summary: 'PEM file with the certificate chain.',
    change: 'In production: Node, Python and Rust clients refuse the self-signed certificate.',
    roles: ALL_ROLES,
  }),
  tlsKeyFile: optionalPath({
    section: 'tls',
    summary: 'PEM file with the private key of the certificate.',
    change: 'Together with the certificate.',
    roles: ALL_ROLES,
  }),

  logLevel: oneOf({
    section: 'observability',
    summary: 'Least important log lines that are written.',
    change: 'To debug while looking for a problem.',
    default: 'info',
    choices: ['error', 'warn', 'info', 'debug'],
    roles: EVERY_PROCESS,
  }),
  logFormat: oneOf({
    section: 'observability',
    summary: 'Form of a log line; auto is text on a terminal and JSON elsewhere.',
    change: 'When a collector wants JSON from a terminal, or a person reads a file.',
    default: 'auto',
    choices: ['auto', 'text', 'json'],
    roles: EVERY_PROCESS,
  }),
  metricsMaxSeries: integer({
    section: 'observability',
    summary:
      'Label sets kept for each metric; more topics and groups are counted together as "_other".',
    change: 'With more topics × groups than this, if Prometheus can take them.',
    default: '20000',
    min: 100,
    max: 1_000_000,
    roles: EVERY_PROCESS,
  }),

  shutdownGraceMs: duration({
    section: 'lifecycle',
    summary: 'Time to drain and flush after SIGTERM before the process ends anyway.',
    change: 'Longer on slow disks; below the terminationGracePeriod of the pod.',
    default: '10s',
    min: SECOND_MS,
    max: 10 * MINUTE_MS,
    roles: EVERY_PROCESS,
  }),
};
