import type { AlertDefinition, AlertGroup } from './alert-definition.ts';
import { ALERT_GROUPS } from './alerts.ts';

const HEAD = `# Alerts

What each alert means and what to do about it. The rules are in
[charts/orbitmq/files/alerts.yaml](../../charts/orbitmq/files/alerts.yaml): a plain rule file of Prometheus, which the chart also
installs as a PrometheusRule. [Monitoring](monitoring.md) tells how.

**critical**: messages are refused or may be lost, somebody must act now. **warning**: it will come to that if nobody acts.

Made by \`npm run docs\` from \`scripts/monitoring/\`; do not edit.
`;

/** Placeholders of Prometheus read badly on a page. */
const plain = (text: string): string =>
  text
    .replaceAll(/\{\{ *\$labels\.(\w+) *\}\}/g, (_, label: string) => label.toUpperCase())
    .replaceAll(/\{\{ *\$value[^}]*\}\}/g, 'N');

function runbook({
  name,
  severity,
  expr,
  for: held,
  description,
  impact,
  steps,
}: AlertDefinition): string {
  const list = steps.map((step, index) => `${index + 1}. ${step}`).join('\n');
  const lasting = held === '0m' ? 'at once' : `after ${held}`;
  return `### ${name}

**${severity}**, ${lasting}. ${plain(description)}

${impact}

${list}

\`\`\`promql
${expr}
\`\`\`
`;
}

const section = ({ title, alerts }: AlertGroup): string =>
  `## ${title}\n\n${alerts.map(runbook).join('\n')}`;

/** docs/operating/alerts.md */
export function alertsPage(): string {
  return [HEAD, ...ALERT_GROUPS.map(section)].join('\n');
}
