import { describe, expect, it } from '@jest/globals';
import { CollectingLogger } from '../../../support/collecting-logger.ts';
import { RateLimitedLog } from '../../../../common/log/rate-limited-log.ts';

describe('RateLimitedLog', () => {
  it('writes the first line at once and then one per interval with the number in between', () => {
    const logger = new CollectingLogger();
    const clock = { nowMs: () => 0, monotonicMs: () => nowMs };
    let nowMs = 5;
    const log = new RateLimitedLog(logger, clock, 1_000);
    for (let i = 0; i < 10; i++) log.log('warn', 'peer-1', 'bad frame');
    log.log('warn', 'peer-2', 'bad frame');
    nowMs = 1_005;
    log.log('warn', 'peer-1', 'bad frame', { peer: 1 });
    expect(logger.lines.map(({ fields }) => fields)).toEqual([{}, {}, { peer: 1, suppressed: 9 }]);
  });

  it('forgets sources so that a flood of names costs bounded memory', () => {
    const logger = new CollectingLogger();
    const log = new RateLimitedLog(logger, { nowMs: () => 0, monotonicMs: () => 0 });
    for (let i = 0; i < 3_000; i++) log.log('warn', `peer-${i}`, 'bad frame');
    log.log('warn', 'peer-2999', 'bad frame');
    expect(logger.lines).toHaveLength(3_000);
    log.log('warn', 'peer-0', 'bad frame');
    expect(logger.lines).toHaveLength(3_001);
  });
});
