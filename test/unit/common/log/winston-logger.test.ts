import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { LogLevel } from '../../../../common/log/logger.ts';
import { createLogger } from '../../../../common/log/winston-logger.ts';

function logged(
  level: LogLevel,
  format: 'text' | 'json',
): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough();
  const logger = createLogger({ level, format, isColored: false, stream, nowMs: () => 0 });
  logger.debug('a detail');
  logger.child('store', { dataDir: './data' }).info('recovered', { recordCount: 3 });
  logger.error('cannot go on', { error: new Error('EIO') });
  return { stream, text: () => String(stream.read()) };
}

describe('createLogger', () => {
  it('writes lines of text with the fields of the child', () => {
    const text = logged('info', 'text').text();
    expect(text).toContain('INFO  [store] recovered dataDir=./data recordCount=3\n');
    expect(text).not.toContain('a detail');
  });

  it('writes one JSON object per line', () => {
    const lines = logged('debug', 'json').text().trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual([
      'debug',
      'info',
      'error',
    ]);
  });
});
