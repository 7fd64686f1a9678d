import { describe, expect, it } from '@jest/globals';
import { ALERT_CASES } from '../support/alert-cases.ts';
import { checkRules, MISSING_PROMTOOL, testRules } from '../support/promtool.ts';

const suite = MISSING_PROMTOOL === undefined ? describe : describe.skip;
const why = MISSING_PROMTOOL === undefined ? '' : ` (skipped: ${MISSING_PROMTOOL})`;

suite(`the alert rules, in the eyes of Prometheus${why}`, () => {
  it('are rules', () => {
    expect(checkRules()).toMatchObject({ isGood: true });
  });

  it.each(ALERT_CASES)(
    '$alert fires when it should, and does not when it should not',
    (alertCase) => {
      const { isGood, output } = testRules([alertCase]);
      expect(isGood ? '' : output).toBe('');
    },
  );
});
