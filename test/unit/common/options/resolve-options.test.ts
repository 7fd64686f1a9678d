import { describe, expect, it } from '@jest/globals';
import { isMqError } from '../../../../common/errors/mq-error.ts';
import { NODE_OPTIONS } from '../../../../common/options/node-options.ts';
import type { OptionTable } from '../../../../common/options/option-definition.ts';
import { OPTION_RELATIONS } from '../../../../common/options/option-relations.ts';
import { parseValue } from '../../../../common/options/parse-value.ts';
import {
  NODE_OPTION_NAMES,
  optionsWith,
  resolveOptions,
  type OptionSources,
} from '../../../../common/options/resolve-options.ts';

const TABLE: OptionTable = NODE_OPTIONS;

function file(content: string): OptionSources {
  return { role: 'standalone', file: { path: 'orbitmq.yaml', content } };
}

function complaint(sources: OptionSources): string {
  try {
    resolveOptions(sources);
  } catch (error) {
    if (isMqError(error)) return error.message;
    throw error;
  }
  return 'no complaint';
}

describe('option table', () => {
  it('has a default that its own parser accepts, for each role', () => {
    for (const [key, definition] of Object.entries(TABLE)) {
      const defaults = [definition.default, ...Object.values(definition.defaultFor ?? {})];
      for (const text of defaults) {
        if (text === undefined) continue;
        expect([key, parseValue(definition, text)]).toEqual([
          key,
          expect.objectContaining({ ok: true }),
        ]);
      }
    }
  });

  it('says in sentences what each option is and when one would change it', () => {
    for (const [key, { summary, change }] of Object.entries(TABLE)) {
      expect([key, /\.$/.test(summary), /\.$/.test(change)]).toEqual([key, true, true]);
    }
  });

  it('derives flag, variable and YAML key from the key', () => {
    expect(NODE_OPTION_NAMES.get('flushIntervalMs')).toEqual({
      flag: '--flush-interval',
      env: 'ORBITMQ_FLUSH_INTERVAL',
      yaml: 'store.flushInterval',
    });
    expect(NODE_OPTION_NAMES.get('segmentBytes')?.flag).toBe('--segment-bytes');
  });

  it('relates only options that exist', () => {
    for (const key of OPTION_RELATIONS.flatMap(({ keys }) => keys))
      expect(TABLE).toHaveProperty(key);
  });
});

describe('resolveOptions', () => {
  it('gives the documented defaults in the units of the names', () => {
    expect(resolveOptions({ role: 'standalone' }).options).toMatchObject({
      listen: { host: '127.0.0.1', port: 8081 },
      httpListen: { host: '127.0.0.1', port: 5557 },
      advertise: undefined,
      dataDir: './data',
      flush: 'sync',
      segmentBytes: 2 ** 30,
      retentionMs: 72 * 3_600_000,
      autoCreateTopics: true,
      namesrv: [],
      maxMessageBytes: 4 * 2 ** 20,
    });
  });

  it('creates topics by itself in standalone only', () => {
    expect(resolveOptions({ role: 'broker' }).options.autoCreateTopics).toBe(false);
  });

  it('freezes the result', () => {
    expect(Object.isFrozen(resolveOptions({ role: 'standalone' }).options)).toBe(true);
  });

  it('lets a flag win over the environment, that over the file, and that over the default', () => {
    const content = 'store: { flushInterval: 1s, cacheBytes: 17MiB, segmentBytes: 2GiB }';
    const { options } = resolveOptions({
      ...file(content),
      env: { ORBITMQ_FLUSH_INTERVAL: '2s', ORBITMQ_CACHE_BYTES: '18MiB' },
      flags: new Map([['flushIntervalMs', '3s']]),
    });
    expect(options.flushIntervalMs).toBe(3_000);
    expect(options.cacheBytes).toBe(18 * 2 ** 20);
    expect(options.segmentBytes).toBe(2 * 2 ** 30);
    expect(options.pendingBytes).toBe(64 * 2 ** 20);
  });

  it('reads numbers, booleans and lists of YAML as they stand there', () => {
    const content = 'topics:\n  defaultQueueCount: 4\n  autoCreateTopics: no\n';
    const { options } = resolveOptions(file(content));
    expect(options.defaultQueueCount).toBe(4);
    expect(options.autoCreateTopics).toBe(false);
    const broker = resolveOptions({
      role: 'broker',
      file: { path: 'b.yaml', content: 'cluster:\n  namesrv:\n    - ns-0:8081\n    - "[::1]:9"\n' },
    });
    expect(broker.options.namesrv).toEqual([
      { host: 'ns-0', port: 8081 },
      { host: '::1', port: 9 },
    ]);
  });

  it('takes an empty file as no file', () => {
    expect(resolveOptions(file('# nothing\n')).options.flush).toBe('sync');
  });

  it('says where a bad value came from, what is wrong and what is allowed', () => {
    expect(complaint({ role: 'standalone', flags: new Map([['flushIntervalMs', '30']]) })).toBe(
      '--flush-interval: "30" is not a duration; write it with its unit, as 500ms, 10s, 72h or 1h30m (1ms to 1m)',
    );
    expect(complaint({ role: 'standalone', env: { ORBITMQ_FLUSH: 'snyc' } })).toBe(
      'ORBITMQ_FLUSH: "snyc" is not one of sync, async; did you mean sync?',
    );
    expect(complaint(file('store:\n  # why\n  segmentBytes: 1\n'))).toBe(
      'orbitmq.yaml:3: store.segmentBytes: "1" is out of range (1MiB to 16GiB)',
    );
  });

  it('suggests the name that an unknown key of the file may have meant', () => {
    expect(complaint(file('store:\n  segmentByte: 1GiB\n'))).toBe(
      'orbitmq.yaml:2: unknown option "store.segmentByte"; did you mean store.segmentBytes?',
    );
    expect(complaint(file('stor:\n  flush: sync\n'))).toContain('did you mean store?');
    expect(complaint(file('flush: sync\n'))).toContain('it belongs to section "store"');
    expect(complaint(file('topics:\n  flush: sync\n'))).toContain('belongs to section "store"');
  });

  it('names file and line of YAML that is not YAML', () => {
    expect(complaint(file('store:\n  flush: "sync\n'))).toMatch(
      /configuration file orbitmq\.yaml .*line \d/,
    );
    expect(complaint(file('store:\n  flush: sync\n  flush: async\n'))).toContain('line 3');
  });

  it('refuses a value that is a map where one value is wanted', () => {
    expect(complaint(file('store:\n  flush: { a: 1 }\n'))).toContain('must be a single value');
    expect(complaint(file('- a\n'))).toContain('is not a map of sections');
  });

  it('lists everything that is wrong at once', () => {
    const text = complaint({
      role: 'standalone',
      env: { ORBITMQ_LISTEN: 'nowhere', ORBITMQ_MAX_TOPICS: 'many' },
    });
    expect(text).toContain('2 options are not valid');
    expect(text).toContain('ORBITMQ_LISTEN: "nowhere" is not an address');
    expect(text).toContain('ORBITMQ_MAX_TOPICS: "many" is not a whole number');
  });

  it('refuses an option that the role does not have', () => {
    const flags = new Map([['dataDir', '/tmp/x']]);
    expect(complaint({ role: 'namesrv', flags })).toContain('is not an option of namesrv');
  });

  it('leaves variables of other roles alone, which an image sets for all of them', () => {
    const env = { ORBITMQ_DATA_DIR: '/data', ORBITMQ_LISTEN: '127.0.0.1:9000' };
    const { options, warnings } = resolveOptions({ role: 'namesrv', env });
    expect(options.listen.port).toBe(9000);
    expect(warnings).toEqual([]);
  });

  it('warns about a variable that looks like an option and leaves those of Kubernetes alone', () => {
    const env = { ORBITMQ_FLUSHH: 'sync', ORBITMQ_SERVICE_HOST: '10.0.0.1', ORBITMQ_ENDPOINT: 'x' };
    expect(resolveOptions({ role: 'standalone', env }).warnings).toEqual([
      'ORBITMQ_FLUSHH is not an option; did you mean ORBITMQ_FLUSH?',
    ]);
  });
});

describe('relations', () => {
  it('wants to know what clients connect to when the node listens on all addresses', () => {
    const env = { ORBITMQ_LISTEN: '0.0.0.0:8081' };
    expect(complaint({ role: 'standalone', env })).toContain('set advertise to HOST:PORT');
    const full = { ...env, ORBITMQ_ADVERTISE: 'mq.example.com:8081' };
    expect(complaint({ role: 'standalone', env: full })).toBe('no complaint');
  });

  it('shows the values that do not fit, with where they came from', () => {
    expect(complaint({ role: 'standalone', flags: new Map([['diskCleanPercent', '88%']]) })).toBe(
      '--disk-clean-percent = 88%, --disk-force-clean-percent (default) = 85%: the first must not exceed the second: expired files go before others do',
    );
  });

  it.each([
    [{ tlsCertFile: 'a.pem' }, 'given together'],
    [{ tlsEnabled: false, tlsCertFile: 'a', tlsKeyFile: 'b' }, 'of no use'],
    [{ httpListen: { host: '127.0.0.1', port: 8081 } }, 'must differ'],
    [{ retentionBytes: 2 ** 30 }, 'two files'],
    [{ maxRequestBytes: 2 ** 22 }, 'must fit'],
    [{ admissionBytesPerClient: 2 ** 20 }, 'largest request'],
    [{ longPollingMs: 60_000 }, 'longer than is allowed'],
    [{ invisibleMinMs: 120_000 }, 'must ascend'],
    [{ maxInflightPerQueue: 200_000 }, 'more than the whole'],
    [{ batchBytes: 2 ** 27 }, 'what waits'],
  ])('refuses %j', (overrides, reason) => {
    expect(() => optionsWith('standalone', overrides)).toThrow(reason);
  });
});
