/** Every sample of the documentation, as it stands, on a real Kubernetes. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { GONE_WITHIN_MS, KubeNamespace } from './support/kube-namespace.ts';
import { MISSING_KUBE } from './support/local-kube.ts';
import { installRelease, RELEASE_TIMEOUT_MS } from './support/orbitmq-release.ts';

const SAMPLES = 'docs/samples';
const READY_WITHIN_MS = 150_000;
const TEST_TIMEOUT_MS = 300_000;

/** They ask for more than this machine has (processors, zones, a StorageClass): accepted and carried out, and that is all. */
const TOO_LARGE = ['production-zones.yaml', 'logs-async.yaml'];

interface Sample {
  readonly file: string;
  readonly text: string;
  readonly objects: readonly {
    readonly kind: string;
    readonly metadata: { readonly name: string };
    readonly spec?: { readonly groups?: number };
  }[];
}

const samples: readonly Sample[] = readdirSync(SAMPLES)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => {
    const text = readFileSync(join(SAMPLES, file), 'utf8');
    const objects = parseAllDocuments(text).map((document) => document.toJS() as never);
    return { file, text, objects };
  });
const hasCluster = ({ objects }: Sample): boolean =>
  objects.some(({ kind }) => kind === 'BrokerCluster');
const QUICK_START = 'quick-start.yaml';
const clusters = samples.filter((sample) => hasCluster(sample) && sample.file !== QUICK_START);
const others = samples.filter((sample) => !hasCluster(sample));

const suite = MISSING_KUBE === undefined ? describe : describe.skip;
const why = MISSING_KUBE === undefined ? '' : ` (skipped: ${MISSING_KUBE})`;

suite(`the samples of the documentation${why}`, () => {
  let shop: KubeNamespace;

  beforeAll(async () => {
    await installRelease();
    shop = await KubeNamespace.create(`samples-${Date.now().toString(36)}`);
  }, RELEASE_TIMEOUT_MS);

  afterAll(async () => {
    await shop.delete(GONE_WITHIN_MS);
  }, TEST_TIMEOUT_MS);

  const untilReady = async ({ objects }: Sample): Promise<void> => {
    for (const { kind, metadata } of objects) {
      const what = [`${kind.toLowerCase()}.orbitmq.io`, metadata.name] as const;
      await shop.untilCondition(what, ['Ready', 'True'], READY_WITHIN_MS);
    }
  };

  /** What own-certificate.yaml expects to be there. */
  async function provideCertificate(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'orbitmq-certificate-'));
    const [key, certificate] = [join(folder, 'tls.key'), join(folder, 'tls.crt')];
    try {
      const names = `DNS:*.${shop.name}.svc,DNS:*.secured-namesrv-peers.${shop.name}.svc,DNS:*.secured-broker-0-peers.${shop.name}.svc`;
      const words = [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=secured'],
        ...['-addext', `subjectAltName=${names}`, '-keyout', key, '-out', certificate],
      ];
      execFileSync('openssl', words, { stdio: 'pipe' });
      await shop.kubectl([
        ...['create', 'secret', 'generic', 'secured-certificate', '--type=kubernetes.io/tls'],
        ...[`--from-file=tls.crt=${certificate}`, `--from-file=tls.key=${key}`],
        `--from-file=ca.crt=${certificate}`,
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  it.each(clusters)(
    '$file',
    async (sample) => {
      if (sample.file === 'own-certificate.yaml') await provideCertificate();
      await shop.apply(sample.text);
      const [{ metadata, spec } = { metadata: { name: '' }, spec: {} }] = sample.objects;
      if (TOO_LARGE.includes(sample.file)) {
        const { name } = metadata;
        const accepted = ['SpecAccepted', 'True'] as const;
        await shop.untilCondition(['brokercluster', name], accepted, READY_WITHIN_MS);
        const sets = await shop.list('sts', '--selector', `orbitmq.io/cluster=${name}`);
        expect(sets).toHaveLength(1 + (spec?.groups ?? 1));
      } else await untilReady(sample);
      await shop.kubectl(['delete', '--filename', '-', '--wait=false'], { input: sample.text });
      await shop.until('its pods to be gone', GONE_WITHIN_MS, async () =>
        (await shop.list('pods')).length === 0 ? true : undefined,
      );
    },
    TEST_TIMEOUT_MS,
  );

  describe('of a cluster as in the quick start', () => {
    it(
      QUICK_START,
      async () => {
        const sample = samples.find(({ file }) => file === QUICK_START);
        if (sample === undefined) throw new Error(`no ${QUICK_START}`);
        await shop.apply(sample.text);
        await untilReady(sample);
      },
      TEST_TIMEOUT_MS,
    );

    it.each(others)(
      '$file',
      async (sample) => {
        await shop.apply(sample.text);
        await untilReady(sample);
      },
      TEST_TIMEOUT_MS,
    );
  });
});
