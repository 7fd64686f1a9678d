import { describe, expect, it } from '@jest/globals';
import { redactLines } from '../../../../../operator/tool/core/redact-lines.ts';

describe('texts that leave the cluster', () => {
  it.each([
    ['authorization: Bearer abcdefgh.ijkl', 'authorization: Bearer [redacted]'],
    ['https://user:pass@example.com/x', 'https://user:[redacted]@example.com/x'],
    ['password=hunter2, next', 'password=[redacted], next'],
    ['{"token":"abc","a":1}', '{"token":"[redacted]","a":1}'],
    ['broker-0 is master in epoch 3', 'broker-0 is master in epoch 3'],
    ['secretName: c-tls', 'secretName: c-tls'],
  ])('%s', (text, shown) => {
    expect(redactLines(text)).toBe(shown);
  });

  it('have no private keys, whether they end or not', () => {
    const key = '-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----';
    expect(redactLines(`a\n${key}\nb`)).toBe('a\n[redacted]\nb');
    expect(redactLines('a -----BEGIN PRIVATE KEY-----\nMIIB\nMIIC')).toBe('a [redacted]');
  });
});
