import { alertRules } from '../monitoring/alert-rules.ts';
import { alertsPage } from '../monitoring/alerts-page.ts';
import { DASHBOARDS } from '../monitoring/dashboards.ts';
import { grafanaJson } from '../monitoring/grafana-json.ts';
import { chartReadme } from './chart-readme.ts';
import { valuesSchema } from './values-schema.ts';

/** Files of the chart and its manual that are made from tables in the code, by path, as they are byte for byte. */
export const CHART_FILES: Readonly<Record<string, () => string>> = {
  'charts/orbitmq/files/alerts.yaml': alertRules,
  'charts/orbitmq/values.schema.json': valuesSchema,
  'charts/orbitmq/README.md': chartReadme,
  'docs/operating/alerts.md': alertsPage,
  ...Object.fromEntries(
    Object.entries(DASHBOARDS).map(([name, dashboard]) => [
      `charts/orbitmq/files/dashboards/orbitmq-${name}.json`,
      () => grafanaJson(dashboard),
    ]),
  ),
};
