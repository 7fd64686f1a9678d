import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readChartValues, type ChartValue } from './chart-values.ts';

const VALUES = join(import.meta.dirname, '../../charts/orbitmq/values.yaml');

const HEAD = `# Helm chart of OrbitMQ

Installs the operator with its custom resources and, if you like, a first cluster, monitoring, alerts and dashboards. For Helm 3 and
Kubernetes 1.29 or newer.

\`\`\`sh
helm install orbitmq charts/orbitmq --namespace orbitmq --create-namespace --set cluster.create=true --wait
helm test orbitmq --namespace orbitmq
\`\`\`

| You want to | Read |
|---|---|
| install, upgrade, uninstall | [docs/operating/install.md](../../docs/operating/install.md), [upgrade.md](../../docs/operating/upgrade.md) |
| write BrokerClusters, Topics, ConsumerGroups | [docs/samples](../../docs/samples/), [reference](../../docs/reference/custom-resources.md) |
| see it in Prometheus and Grafana | [docs/operating/monitoring.md](../../docs/operating/monitoring.md) |

## What is special

- **Definitions** are templates: \`helm upgrade\` brings them up to date, \`helm uninstall\` leaves them (\`crds.keep\`).
- **\`cluster.create\`** applies a BrokerCluster after install, upgrade and rollback, by a Job with the image of the operator: Helm cannot
  make an object of a kind that the same release defines. The cluster does not belong to the release, so uninstalling leaves it and its
  messages; delete it with \`kubectl delete brokercluster\`.
- **Permissions** are listed one by one with their reasons in
  [templates/operator-rules.tpl](templates/operator-rules.tpl). With \`operator.watchNamespaces\` they are Roles in these namespaces.
- **Values are checked**: \`values.schema.json\` refuses names that do not exist, in \`cluster.spec\` too.

## Values

`;

/** Longer defaults are read better where they are written. */
const DEFAULT_CHARACTERS_MAX = 40;

/** charts/orbitmq/README.md */
export function chartReadme(): string {
  const rows = flat(readChartValues(readFileSync(VALUES, 'utf8'))).map(
    ({ path, default: usual, description }) =>
      `| \`${path.join('.')}\` | ${defaultText(usual)} | ${description} |`,
  );
  return `${HEAD}| value | default | what |
|---|---|---|
${rows.join('\n')}

Made by \`npm run docs\` from [values.yaml](values.yaml); do not edit.
`;
}

function defaultText(usual: unknown): string {
  const text = JSON.stringify(usual);
  return text.length > DEFAULT_CHARACTERS_MAX ? 'see values.yaml' : `\`${text}\``;
}

/** Every value that is described, the inner ones in place of the outer. */
export function flat(values: readonly ChartValue[]): readonly ChartValue[] {
  return values.flatMap((value) => (value.fields === undefined ? [value] : flat(value.fields)));
}
