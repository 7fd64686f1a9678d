/**
 * Who may import whom: the architecture as a table. ESLint checks it (see import-rule.ts), and test/tidy/lint-rules.test.ts
 * shows for each row that it bites.
 *
 * A target is written as `broker/store/commit-log.ts` (a file of ours), `node:fs` (a Node module) or `npm:winston`
 * (a package). Every row that matches the importing file applies; the first forbidden target is reported.
 */
export interface LayerRule {
  readonly name: string;
  /** Importing files that the row is about. */
  readonly files: readonly string[];
  /** Files that the row leaves out. */
  readonly except?: readonly string[];
  /** Targets that are forbidden, unless `allow` names them. */
  readonly forbid: readonly string[];
  readonly allow?: readonly string[];
  /** Completes the sentence "not allowed here: …". */
  readonly because: string;
}

/** Files that may touch the real world: everything else takes the ports of common/environment. */
export const AMBIENT_FILES = [
  'common/environment/node/**',
  '**/main.ts',
  'cli/**',
  'bin/**',
  'bench/**',
  'scripts/**',
  'test/**',
  '*.js',
];

/** Node modules through which time, randomness, files, processes or other machines come in. */
const AMBIENT_MODULES = [
  ...['fs', 'fs/**', 'timers', 'timers/**', 'perf_hooks', 'process', 'child_process', 'os', 'tty'],
  ...[
    'worker_threads',
    'cluster',
    'dgram',
    'dns',
    'dns/**',
    'inspector',
    'inspector/**',
    'v8',
    'vm',
  ],
  ...['readline', 'readline/**', 'repl', 'module', 'test', 'test/**', 'sqlite', 'wasi'],
].map((name) => `node:${name}`);

const NETWORK_MODULES = ['net', 'tls', 'http', 'http2', 'https'].map((name) => `node:${name}`);

const COMPONENTS = ['broker', 'gateway', 'namesrv', 'operator', 'standalone', 'cli'];
const PRODUCT = [...COMPONENTS, 'common'].map((folder) => `${folder}/**`);
const everythingIn = (...folders: string[]): string[] => folders.map((folder) => `${folder}/**`);

/** Where a role begins, and the tools for the data of a broker that does not run; the rest is its own business. */
const ROLE_ENTRIES = ['*/main.ts', '*/options.ts', 'broker/store/tool/*.ts'];

/** What a person does with a cluster in Kubernetes, for the command line. */
const KUBE_ENTRIES = ['operator/tool/*.ts'];

/** The pieces that a role is assembled from lie at the top of its folder, and its services in activity/. */
const ROLE_PIECES = [...ROLE_ENTRIES, 'broker/*.ts', 'namesrv/*.ts', '*/activity/**'];

const roleRules: readonly LayerRule[] = [
  {
    name: 'broker',
    files: ['broker/**'],
    forbid: everythingIn('namesrv', 'operator', 'standalone', 'cli'),
    because: 'roles share common/ and speak through proto/',
  },
  {
    name: 'namesrv',
    files: ['namesrv/**'],
    forbid: everythingIn('broker', 'operator', 'standalone', 'cli'),
    because: 'roles share common/ and speak through proto/',
  },
  {
    name: 'operator',
    files: ['operator/**'],
    forbid: everythingIn('broker', 'namesrv', 'gateway', 'standalone', 'cli'),
    because: 'roles share common/ and speak through proto/',
  },
  {
    name: 'gateway',
    files: ['gateway/**'],
    forbid: everythingIn('broker', 'namesrv', 'operator', 'standalone', 'cli'),
    because: 'the gateway knows brokers only through BrokerAccess',
  },
  {
    name: 'common',
    files: ['common/**'],
    forbid: everythingIn(...COMPONENTS),
    because: 'common/ is what the components share and knows none of them',
  },
  {
    name: 'broker inside',
    files: ['broker/**'],
    except: ['broker/activity/**', 'broker/group/**', 'broker/*.ts'],
    forbid: ['gateway/**'],
    because:
      'the port of the gateway is implemented in broker/activity, broker/group and at the top of broker/',
  },
  {
    name: 'cli below',
    files: ['cli/**'],
    forbid: everythingIn('broker', 'namesrv', 'operator', 'standalone', 'gateway'),
    allow: [...ROLE_ENTRIES, ...KUBE_ENTRIES],
    because:
      'the command line starts a role through its main.ts and asks the tools of a role; it knows no more of it',
  },
  {
    name: 'standalone below',
    files: ['standalone/**'],
    forbid: everythingIn('broker', 'namesrv', 'operator'),
    allow: ROLE_PIECES,
    because: 'a role is assembled from the pieces at its top, not from its inside',
  },
  {
    name: 'cli on top',
    files: ['standalone/**'],
    forbid: ['cli/**'],
    because: 'the command line starts the roles, not the other way round',
  },
];

const edgeRules: readonly LayerRule[] = [
  {
    name: 'generated types',
    files: [...everythingIn('broker', 'namesrv', 'operator', 'standalone', 'common', 'cli')],
    except: [
      ...['*/activity/**', 'broker/local-broker-access.ts', 'broker/group/**', '*/main.ts'],
      ...everythingIn('cli/client', 'common/wire', 'common/rpc'),
    ],
    forbid: ['proto/generated/**'],
    because: 'generated protobuf types stop at the edge; inside, values are model types',
  },
  {
    name: 'generated code',
    files: ['proto/**'],
    forbid: PRODUCT,
    because: 'proto/ knows nothing',
  },
  {
    name: 'grpc',
    files: PRODUCT,
    except: ['common/rpc/**', 'cli/client/**'],
    forbid: ['npm:@grpc/**'],
    because: 'the transport is behind the table of handlers (common/rpc)',
  },
  {
    name: 'kubernetes',
    files: PRODUCT,
    except: ['operator/kube/**'],
    forbid: ['npm:@kubernetes/**', 'npm:undici'],
    because: 'only operator/kube talks to Kubernetes',
  },
  {
    name: 'logger',
    files: PRODUCT,
    except: ['common/log/**'],
    forbid: ['npm:winston', 'npm:winston/**'],
    because: 'log through common/log',
  },
  {
    name: 'metrics library',
    files: PRODUCT,
    except: ['common/metrics/**'],
    forbid: ['npm:prom-client', 'npm:prom-client/**'],
    because: 'count through common/metrics',
  },
  {
    name: 'terminal',
    files: PRODUCT,
    except: ['cli/**'],
    forbid: ['npm:commander', 'npm:cli-progress', 'npm:cli-table3'],
    because: 'only the command line draws on a terminal',
  },
  {
    name: 'tests',
    files: [...PRODUCT, 'proto/**', 'bin/**'],
    forbid: everythingIn('test', 'bench', 'scripts'),
    because: 'the product stands without its tests, benches and scripts',
  },
];

const PURE = ['common/model/**', 'common/assert.ts', 'common/errors/**'];

const worldRules: readonly LayerRule[] = [
  {
    name: 'ambient modules',
    files: PRODUCT,
    except: AMBIENT_FILES,
    forbid: [...AMBIENT_MODULES, 'common/environment/node/**'],
    because: 'take a port of common/environment, so that a simulator can own it',
  },
  {
    name: 'sockets',
    files: PRODUCT,
    except: [...AMBIENT_FILES, 'common/rpc/**', 'common/http/**'],
    forbid: NETWORK_MODULES,
    because: 'sockets belong to common/rpc and common/http',
  },
  {
    name: 'pure core',
    files: ['**/core/**'],
    except: ['test/**'],
    forbid: ['**'],
    // A checksum is arithmetic, whoever computes it.
    allow: [...PURE, '**/core/**', 'npm:@node-rs/crc32'],
    because:
      'core/ is pure: it imports core/, common/model, common/assert.ts and common/errors only',
  },
  {
    name: 'values',
    files: ['common/model/**', 'common/assert.ts'],
    forbid: ['**'],
    allow: ['common/model/**', 'common/assert.ts'],
    because: 'model types stand on nothing',
  },
  {
    name: 'ports',
    files: ['common/environment/*.ts'],
    forbid: ['**'],
    allow: [...PURE, 'common/environment/*.ts'],
    because: 'a port is an interface, not an implementation',
  },
];

export const LAYERS: readonly LayerRule[] = [...roleRules, ...edgeRules, ...worldRules];
