import { describe, expect, it } from '@jest/globals';
import { NewestVersion } from '../../../../../../operator/reconcile/broker-group/core/newest-version.ts';

describe('NewestVersion', () => {
  it('takes nothing for newer before the copy has been as new', () => {
    const versions = new NewestVersion();
    versions.set('a');
    expect(versions.compare('b')).toBe('unknown');
    expect(versions.compare('a')).toBe('same');
    expect(versions.compare('b')).toBe('newer');
  });

  it('knows what was there before, however late the copy shows it', () => {
    const versions = new NewestVersion();
    for (const version of ['a', 'b', 'c']) versions.set(version);
    expect(['a', 'b', 'x', 'c', 'd'].map((version) => versions.compare(version))).toEqual([
      ...['older', 'older', 'unknown', 'same', 'newer'],
    ]);
    expect(versions.compare('b')).toBe('older');
  });

  it('remembers a bounded number of them', () => {
    const versions = new NewestVersion();
    for (let index = 0; index < 100; index++) versions.set(`v${index}`);
    expect(versions.compare('v98')).toBe('older');
    expect(versions.compare('v0')).toBe('unknown');
  });
});
