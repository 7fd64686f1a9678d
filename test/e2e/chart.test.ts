import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { ALERT_GROUPS } from '../../scripts/monitoring/alerts.ts';
import { DASHBOARDS } from '../../scripts/monitoring/dashboards.ts';
import { CHART, helm, MISSING_HELM, render, renderNotes, type Manifest } from '../support/helm.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface PodSpec {
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly containers: readonly {
    readonly securityContext?: Readonly<Record<string, unknown>>;
    readonly resources?: unknown;
  }[];
}

const CASES = readdirSync(join(CHART, 'ci'));
const valuesOf = (name: string): string[] => ['--values', join(CHART, 'ci', name)];

const ofKind = (manifests: readonly Manifest[], ...kinds: string[]): Manifest[] =>
  manifests.filter(({ kind }) => kinds.includes(kind));
const rulesOf = (manifest: Manifest): readonly Rule[] => manifest['rules'] as readonly Rule[];
const isHook = ({ metadata }: Manifest): boolean =>
  metadata.annotations?.['helm.sh/hook'] !== undefined;

function podOf(manifest: Manifest): PodSpec | undefined {
  const spec = manifest['spec'] as (PodSpec & { template?: { spec: PodSpec } }) | undefined;
  if (manifest.kind === 'Pod') return spec;
  return ['Deployment', 'Job'].includes(manifest.kind) ? spec?.template?.spec : undefined;
}

const WITHOUT_NAMESPACE = [...['ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition']];

const suite = MISSING_HELM === undefined ? describe : describe.skip;
const why = MISSING_HELM === undefined ? '' : ` (skipped: ${MISSING_HELM})`;

suite(`the chart with ci/…${why}`, () => {
  describe.each(CASES)('%s', (name) => {
    it('passes the lint of Helm', () => {
      const { isGood, output } = helm('lint', '--strict', CHART, ...valuesOf(name));
      expect(isGood ? '' : output).toBe('');
    });

    it('renders objects with names and namespaces of their own', () => {
      const manifests = render(valuesOf(name));
      const keys = manifests.map(
        ({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''} ${metadata.name}`,
      );
      expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
      const homeless = manifests.filter(
        ({ kind, metadata }) =>
          metadata.namespace === undefined &&
          !WITHOUT_NAMESPACE.includes(kind) &&
          !/-(extra|more)$/.test(metadata.name),
      );
      expect(homeless.map(({ kind }) => kind)).toEqual([]);
    });

    it('runs nothing with more rights than the restricted Pod Security Standard', () => {
      for (const pod of render(valuesOf(name)).flatMap((manifest) => podOf(manifest) ?? [])) {
        expect(pod.securityContext).toMatchObject({
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
        });
        for (const container of pod.containers) {
          expect(container.securityContext).toEqual({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
          expect(container.resources).toHaveProperty('limits.memory');
        }
      }
    });

    it('asks for no permission with a wildcard', () => {
      const rules = ofKind(render(valuesOf(name)), 'Role', 'ClusterRole').flatMap(rulesOf);
      const words = rules.flatMap(({ apiGroups, resources, verbs }) => [
        ...[...apiGroups, ...resources, ...verbs],
      ]);
      expect(words).not.toContain('*');
    });
  });
});

suite(`permissions of the operator${why}`, () => {
  const clusterWide = (manifests: readonly Manifest[]): string[] =>
    ofKind(manifests, 'ClusterRole')
      .filter(({ metadata }) => metadata.name === 'queue-mq-orbitmq-operator')
      .flatMap(rulesOf)
      .flatMap(({ resources }) => [...resources]);

  it('are cluster-wide when it looks after all namespaces', () => {
    expect(clusterWide(render([]))).toEqual(
      expect.arrayContaining(['secrets', 'nodes', 'customresourcedefinitions']),
    );
  });

  it('are confined to the namespaces that it looks after', () => {
    const manifests = render(valuesOf('namespaces-values.yaml'));
    expect(clusterWide(manifests)).toEqual(['customresourcedefinitions']);
    const roles = ofKind(manifests, 'Role').filter(
      ({ metadata }) => metadata.name === 'queue-mq-orbitmq-operator',
    );
    expect(roles.map(({ metadata }) => metadata.namespace)).toEqual(['shop', 'billing']);
    expect(roles.map(rulesOf)[0]).toEqual(roles.map(rulesOf)[1]);
  });

  it('cover leases in its own namespace only', () => {
    const leases = ofKind(render([]), 'Role', 'ClusterRole').filter((role) =>
      rulesOf(role).some(({ resources }) => resources.includes('leases')),
    );
    expect(leases.map(({ kind, metadata }) => [kind, metadata.namespace])).toEqual([
      ['Role', 'queue'],
    ]);
  });

  it('do not let it list secrets', () => {
    const rules = ofKind(render([]), 'ClusterRole', 'Role').flatMap(rulesOf);
    const ofSecrets = rules.filter(({ resources }) => resources.includes('secrets'));
    expect(ofSecrets.flatMap(({ verbs }) => [...verbs])).toEqual(['get', 'create', 'patch']);
  });

  it('are left to others on request, with the account', () => {
    const kinds = render(valuesOf('nothing-values.yaml')).map(({ kind }) => kind);
    expect(kinds).toEqual(['PodDisruptionBudget', 'Deployment']);
  });
});

suite(`custom resource definitions${why}`, () => {
  it('belong to the release, and stay when it goes', () => {
    const definitions = ofKind(render([]), 'CustomResourceDefinition');
    expect(definitions).toHaveLength(4);
    expect(definitions.some(isHook)).toBe(false);
    for (const { metadata } of definitions) {
      expect(metadata.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' });
    }
  });

  it('go with the release on request', () => {
    const [first] = ofKind(render(['--set', 'crds.keep=false']), 'CustomResourceDefinition');
    expect(first?.metadata.annotations).not.toHaveProperty('helm.sh/resource-policy');
  });

  it('are left out on request', () => {
    expect(ofKind(render(['--set', 'crds.install=false']), 'CustomResourceDefinition')).toEqual([]);
  });
});

suite(`the first cluster${why}`, () => {
  it('is no object of the release: Helm could not make it before its definition', () => {
    const manifests = render(valuesOf('everything-values.yaml'));
    expect(ofKind(manifests, 'BrokerCluster')).toEqual([]);
    const hooks = manifests.filter(isHook).map(({ kind }) => kind);
    expect(hooks.sort()).toEqual([
      ...['ConfigMap', 'Job', 'Pod', 'Role', 'RoleBinding', 'ServiceAccount'],
    ]);
  });

  it('is what the values say', () => {
    const config = render(valuesOf('everything-values.yaml')).find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'mq-orbitmq-cluster',
    );
    const cluster = JSON.parse((config?.['data'] as Record<string, string>)['cluster.json'] ?? '');
    const { cluster: given } = parse(
      readFileSync(join(CHART, 'ci/everything-values.yaml'), 'utf8'),
    ) as { cluster: { spec: unknown } };
    expect(cluster).toMatchObject({
      apiVersion: 'orbitmq.io/v1alpha1',
      kind: 'BrokerCluster',
      metadata: { name: 'first', namespace: 'queue', labels: { 'example.com/team': 'queue' } },
    });
    expect((cluster as Manifest)['spec']).toEqual(given.spec);
  });

  it('is refused where the operator would not look after it', () => {
    const { isGood, output } = helm(
      ...['template', 'mq', CHART, '--namespace', 'queue', '--kube-version', '1.34.0'],
      ...['--set', 'cluster.create=true', '--set', 'operator.watchNamespaces={shop}'],
    );
    expect(isGood).toBe(false);
    expect(output).toContain('operator.watchNamespaces does not contain');
  });

  it('is refused with a message when its spec has a typo', () => {
    const { isGood, output } = helm(
      ...['template', 'mq', CHART, '--kube-version', '1.34.0'],
      ...['--set', 'cluster.create=true', '--set', 'cluster.spec.replicasPerGrup=3'],
    );
    expect(isGood).toBe(false);
    expect(output).toMatch(/cluster.*spec/s);
    expect(output).toContain('replicasPerGrup');
  });
});

suite(`monitoring${why}`, () => {
  const manifests = MISSING_HELM === undefined ? render(valuesOf('everything-values.yaml')) : [];

  it('is not there unless asked for', () => {
    expect(
      ofKind(render([]), 'PodMonitor', 'ServiceMonitor', 'PrometheusRule', 'ConfigMap'),
    ).toEqual([]);
  });

  it('has each dashboard as it is in its file, templates of Grafana included', () => {
    const configs = ofKind(manifests, 'ConfigMap').filter(
      ({ metadata }) => metadata.labels?.['grafana_dashboard'] === '1',
    );
    const files = configs.flatMap(({ data }) => Object.entries(data as Record<string, string>));
    expect(files.map(([name]) => name).sort()).toEqual(
      Object.keys(DASHBOARDS)
        .map((name) => `orbitmq-${name}.json`)
        .sort(),
    );
    for (const [name, text] of files) {
      expect(`${text}\n`).toBe(readFileSync(join(CHART, 'files/dashboards', name), 'utf8'));
    }
  });

  it('has each alert but those that are disabled, with the labels and the runbook that are asked for', () => {
    const [rule] = ofKind(manifests, 'PrometheusRule');
    const { groups } = rule?.['spec'] as {
      groups: { rules: { alert: string; expr: string; labels: object; annotations: object }[] }[];
    };
    const alerts = ALERT_GROUPS.flatMap((group) => group.alerts).filter(
      ({ name }) => name !== 'OrbitMQDeadLetters',
    );
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.map(({ alert, expr }) => [alert, expr])).toEqual(
      alerts.map(({ name, expr }) => [name, expr]),
    );
    expect(rules[0]).toMatchObject({
      labels: { severity: 'critical', team: 'queue' },
      annotations: { runbook_url: 'https://runbooks.example.com/orbitmq#orbitmqnomaster' },
    });
  });

  it('names jobs as the alerts do', () => {
    const [monitor] = ofKind(manifests, 'PodMonitor');
    const { podMetricsEndpoints } = monitor?.['spec'] as {
      podMetricsEndpoints: { relabelings: object[] }[];
    };
    expect(podMetricsEndpoints[0]?.relabelings[0]).toMatchObject({
      targetLabel: 'job',
      replacement: 'orbitmq-$1',
    });
  });
});

suite(`the words after the installation${why}`, () => {
  it('tell how to get a cluster, a topic and a test', () => {
    const notes = renderNotes([]);
    expect(notes).toContain('kind: BrokerCluster');
    expect(notes).toContain('kind: Topic');
    expect(notes).toContain('helm test mq -n queue');
    expect(notes).not.toContain('<no value>');
  });

  it('name the cluster that was made', () => {
    const notes = renderNotes(valuesOf('everything-values.yaml'));
    expect(notes).toContain('wait brokercluster/first --for=condition=Ready');
    expect(notes).not.toContain('kind: BrokerCluster');
  });

  it('warn when uninstalling would delete everything', () => {
    expect(renderNotes(['--set', 'crds.keep=false'])).toContain('ALL BrokerClusters');
  });
});
