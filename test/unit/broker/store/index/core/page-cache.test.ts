import { describe, expect, it } from '@jest/globals';
import { PageCache } from '../../../../../../broker/store/index/core/page-cache.ts';

const page = (): Uint32Array => new Uint32Array(4 * 16);

describe('PageCache', () => {
  it('throws out the page that was used longest ago', () => {
    const cache = new PageCache(2 * (256 + 320));
    cache.set(1, page());
    cache.set(2, page());
    cache.get(1);
    cache.set(3, page());
    expect([1, 2, 3].map((location) => cache.get(location) !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('counts what it holds, also when a page is set twice or is larger than all the room', () => {
    const cache = new PageCache(1000);
    cache.set(1, page());
    cache.set(1, page());
    expect(cache.usedBytes).toBe(256 + 320);
    cache.set(2, new Uint32Array(4 * 1000));
    expect(cache.usedBytes).toBe(0);
  });
});
