import { stringify } from 'yaml';
import type { AlertDefinition } from './alert-definition.ts';
import { ALERT_GROUPS } from './alerts.ts';

/** Where the runbook lies; the chart puts the address of a copy before it (`prometheusRule.runbookUrl`). */
export const RUNBOOK = 'docs/operating/alerts.md';

const HEAD = `# Alerts of OrbitMQ for Prometheus: rule_files of prometheus.yml, or the PrometheusRule of the chart.
# Made by \`npm run docs\` from scripts/monitoring/; do not edit.
`;

const rule = ({ name, severity, expr, for: held, summary, description }: AlertDefinition) => ({
  alert: name,
  expr,
  for: held,
  labels: { severity },
  annotations: { summary, description, runbook_url: `${RUNBOOK}#${name.toLowerCase()}` },
});

/** charts/orbitmq/files/alerts.yaml: a plain rule file of Prometheus. */
export function alertRules(): string {
  const groups = ALERT_GROUPS.map(({ name, alerts }) => ({ name, rules: alerts.map(rule) }));
  return HEAD + stringify({ groups }, { lineWidth: 0 });
}
