/** The plugin of kubectl on a real Kubernetes: what a person sees, orders, sends and hands on, and what is refused. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execPath } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KubeBrokerGroup } from './support/kube-broker-group.ts';
import { GONE_WITHIN_MS, KubeNamespace } from './support/kube-namespace.ts';
import { MISSING_KUBE, mustRun, run, type Ended } from './support/local-kube.ts';
import { installRelease, RELEASE_TIMEOUT_MS } from './support/orbitmq-release.ts';

const PLUGIN = resolve('bin/kubectl-orbitmq.js');
const READY_WITHIN_MS = 90_000;
const PLUGIN_TIMEOUT_MS = 120_000;
const TEST_TIMEOUT_MS = 300_000;

const CLUSTER = {
  apiVersion: 'orbitmq.io/v1alpha1',
  kind: 'BrokerCluster',
  metadata: { name: 'mq' },
  spec: {
    ...{ replicasPerGroup: 2, namesrv: { replicas: 1 } },
    storage: { size: '1Gi', deletionPolicy: 'Delete' },
    resources: { requests: { cpu: '50m', memory: '256Mi' }, limits: { memory: '512Mi' } },
  },
};
const TOPIC = {
  apiVersion: 'orbitmq.io/v1alpha1',
  kind: 'Topic',
  metadata: { name: 'orders' },
  spec: { clusterRef: { name: 'mq' }, queuesPerGroup: 1 },
};

interface GroupView {
  readonly name: string;
  readonly master: string;
  readonly epoch: number;
  readonly fenced: readonly string[];
}

const suite = MISSING_KUBE === undefined ? describe : describe.skip;
const why = MISSING_KUBE === undefined ? '' : ` (skipped: ${MISSING_KUBE})`;

suite(`kubectl orbitmq${why}`, () => {
  let shop: KubeNamespace;
  let folder: string;

  beforeAll(async () => {
    await installRelease();
    folder = mkdtempSync(join(tmpdir(), 'orbitmq-plugin-'));
    shop = await KubeNamespace.create(`plugin-${Date.now().toString(36)}`);
    await shop.apply(CLUSTER, TOPIC);
    for (const type of ['Ready', 'FailoverPossible', 'AckedDataProtected']) {
      await shop.untilCondition(['brokercluster', 'mq'], [type, 'True'], READY_WITHIN_MS);
    }
    await shop.untilCondition(['topic.orbitmq.io', 'orders'], ['Ready', 'True'], READY_WITHIN_MS);
  }, RELEASE_TIMEOUT_MS);

  afterAll(async () => {
    await shop.delete(GONE_WITHIN_MS);
    rmSync(folder, { recursive: true, force: true });
  }, TEST_TIMEOUT_MS);

  const plugin = (...words: readonly string[]): Promise<Ended> =>
    run(execPath, [PLUGIN, '-n', shop.name, ...words], { timeoutMs: PLUGIN_TIMEOUT_MS });
  const must = (...words: readonly string[]): Promise<string> =>
    mustRun(execPath, [PLUGIN, '-n', shop.name, ...words], { timeoutMs: PLUGIN_TIMEOUT_MS });

  async function group(): Promise<GroupView> {
    const { groups } = JSON.parse(await must('status', '-o', 'json')) as { groups: GroupView[] };
    return groups[0]!;
  }

  /** Both members are in sync, so that the next order is not refused. */
  const isLevel = (): Promise<unknown> =>
    shop.untilCondition(['brokercluster', 'mq'], ['FailoverPossible', 'True'], READY_WITHIN_MS);

  it(
    'shows the cluster, its group and its pods',
    async () => {
      const text = await must('status');
      expect(text).toMatch(/^ready +True$/m);
      expect(text).toMatch(/^mq-broker-0 +mq-broker-0-[01] +\d+ +stable +2\/2 /m);
      expect(text).toMatch(/^mq-namesrv-0 +namesrv +- +ready /m);
      expect(await must('status', '-A')).toMatch(new RegExp(`^${shop.name} +mq +True`, 'm'));
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'tells who would take over, from what the members say',
    async () => {
      const { master } = await group();
      const explained = JSON.parse(
        await must('explain-failover', 'broker-0', '-o', 'json'),
      ) as Record<string, unknown>;
      expect(explained).toMatchObject({ basis: 'members', note: '', lossless: true, master });
      expect(explained['winner']).toMatch(/^mq-broker-0-[01]$/);
      expect(explained['winner']).not.toBe(master);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'sends and receives through a port-forward',
    async () => {
      for (let i = 0; i < 3; i++) await must('send', 'orders', `hello ${i}`);
      const text = await must('receive', 'orders', '--count', '3', '--body', '-g', 'readers');
      expect(text.split('\n').sort()).toEqual(['hello 0', 'hello 1', 'hello 2']);
      expect(await must('topics')).toMatch(/^orders +NORMAL +1 /m);
      expect(await must('lag')).toMatch(/^readers +0 /m);
      expect(await must('lag', 'readers')).toMatch(/^orders +broker-0 /m);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'switches over and says what it took; a second time to the master itself it does nothing',
    async () => {
      const before = await group();
      const text = await must('switchover', 'broker-0');
      const after = await group();
      expect(after.epoch).toBeGreaterThan(before.epoch);
      expect(text).toContain(`${after.master} is master in place of ${before.master}`);
      expect(await must('switchover', 'broker-0', '--to', after.master)).toContain(
        'is the master already',
      );
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'fences the master, which hands over, and refuses a switchover to it with the reason',
    async () => {
      await isLevel();
      const { master } = await group();
      const broker = new KubeBrokerGroup(shop, 'mq-broker-0');
      const { epoch } = await broker.record();
      const text = await must('fence', master);
      expect(text).toContain(`fenced: ${master}`);
      expect((await group()).master).not.toBe(master);
      // A change of masters that is under way would be taken for the one that is asked for.
      await broker.untilElected(epoch, READY_WITHIN_MS);
      const { code, stderr } = await plugin('switchover', 'broker-0', '--to', master);
      expect(stderr).toMatch(
        new RegExp(`^orbitmq: switchover of mq-broker-0: .*${master} is fenced`),
      );
      expect(code).toBe(13);
      await must('unfence', master);
      expect((await group()).fenced).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'fences a whole group, which then has no master, and gives it one again',
    async () => {
      await isLevel();
      await must('fence', 'broker-0');
      expect(await group()).toMatchObject({ master: '', fenced: ['*'] });
      expect(await must('explain-failover', 'broker-0')).toContain('the group is fenced');
      await must('unfence', 'broker-0');
      expect((await group()).master).not.toBe('');
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'pauses a cluster and resumes it',
    async () => {
      await must('pause');
      await shop.untilCondition(['brokercluster', 'mq'], ['Paused', 'True'], READY_WITHIN_MS);
      await must('resume');
      await shop.untilCondition(['brokercluster', 'mq'], ['Paused', 'False'], READY_WITHIN_MS);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'shows the logs of a group and of the operator',
    async () => {
      const text = await must('logs', 'broker-0', '--tail', '5');
      expect(text).toMatch(/^mq-broker-0-0 {2}\{/m);
      expect(text).toMatch(/^mq-broker-0-1 {2}\{/m);
      expect(await must('logs', 'operator', '--tail', '5')).toContain('"level":"');
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'puts everything but secrets into one archive, and does not replace another file',
    async () => {
      const archive = join(folder, 'bundle.tar.gz');
      await must('support-bundle', '-f', archive);
      const names = await mustRun('tar', ['-tzf', archive]);
      for (const part of ['README.txt', 'status.yaml', 'logs/mq-broker-0-0.broker.log']) {
        expect(names).toContain(part);
      }
      await mustRun('tar', ['-xzf', archive, '-C', folder]);
      const secret = await shop.kubectl([
        'get',
        'secret',
        'mq-peers',
        '-o',
        'jsonpath={.data.secret}',
      ]);
      const found = await run('grep', [
        '-r',
        '-e',
        secret,
        '-e',
        Buffer.from(secret, 'base64').toString().trim(),
        folder,
      ]);
      expect(found.stdout).toBe('');
      const again = await plugin('support-bundle', '-f', archive);
      expect(again.stderr).toContain('cannot be written');
      expect(again.code).toBe(2);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'tells a person without rights what is not allowed',
    async () => {
      await shop.kubectl(['create', 'serviceaccount', 'guest']);
      const token = await shop.kubectl(['create', 'token', 'guest']);
      const words = ['config', 'view', '--raw', '--minify', '--output', 'json'];
      const config = JSON.parse(await shop.kubectl(words)) as {
        users: unknown[];
        contexts: { context: { user: string } }[];
      };
      const [context] = config.contexts;
      const users = [{ name: context?.context.user, user: { token } }];
      const file = join(folder, 'guest.json');
      writeFileSync(file, JSON.stringify({ ...config, users }));
      const { code, stderr } = await plugin('status', '--kubeconfig', file);
      expect(stderr).toMatch(
        /^orbitmq: Kubernetes does not allow it: .*brokerclusters.*\n {2}hint: /,
      );
      expect(code).toBe(13);
    },
    TEST_TIMEOUT_MS,
  );

  it.each([
    [['status', 'nope'], /no BrokerCluster nope in namespace/, 12],
    [['switchover', 'broker-9'], /no broker group or member broker-9/, 12],
    [['status', '--context', 'nope'], /no "nope": it has the contexts/, 2],
    [['status', '--kubeconfig', '/nowhere'], /\/nowhere cannot be used: it does not exist/, 2],
  ])(
    '%j is told in one line, with a way out',
    async (words, message, exit) => {
      const { code, stderr } = await plugin(...words);
      expect(stderr).toMatch(/^orbitmq: .*\n {2}hint: .*\n$/);
      expect(stderr).toMatch(message);
      expect(code).toBe(exit);
    },
    TEST_TIMEOUT_MS,
  );
});
