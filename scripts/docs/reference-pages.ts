import { customResourcesPage } from './custom-resources-page.ts';
import { errorsPage } from './errors-page.ts';
import { metricsPage } from './metrics-page.ts';
import { optionsPage } from './options-page.ts';

/** Pages that are made from tables in the code, by path. */
export const REFERENCE_PAGES: Readonly<Record<string, () => string>> = {
  'docs/reference/custom-resources.md': customResourcesPage,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/metrics.md': metricsPage,
  'docs/reference/options.md': optionsPage,
};
