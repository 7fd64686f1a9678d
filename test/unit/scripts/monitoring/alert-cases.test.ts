import { describe, expect, it } from '@jest/globals';
import { ALERT_GROUPS } from '../../../../scripts/monitoring/alerts.ts';
import { ALERT_CASES } from '../../../support/alert-cases.ts';
import { KNOWN_SERIES } from '../../../support/known-series.ts';
import { readQuery } from '../../../support/promql-reading.ts';

const ALERTS = ALERT_GROUPS.flatMap(({ alerts }) => alerts);

describe('cases of alerts', () => {
  it('exist for every alert, and for no other', () => {
    expect(ALERT_CASES.map(({ alert }) => alert)).toEqual(ALERTS.map(({ name }) => name));
  });

  it.each(ALERT_CASES)('$alert: are made of series that nodes have', ({ fires, calm }) => {
    for (const series of [...Object.keys(fires.series), ...Object.keys(calm.series)]) {
      const [selector] = readQuery(series).selectors;
      const known = KNOWN_SERIES.get(selector?.metric ?? '') ?? [];
      expect(selector?.labels.filter((label) => !known.includes(label))).toEqual([]);
    }
  });

  it.each(ALERT_CASES)('$alert: the alert has the labels that its texts name', (alertCase) => {
    const alert = ALERTS.find(({ name }) => name === alertCase.alert);
    const text = `${alert?.summary ?? ''} ${alert?.description ?? ''}`;
    const named = [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
    expect(named.filter((label) => !(label in alertCase.labels))).toEqual([]);
  });
});
