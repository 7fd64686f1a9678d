import { describe, expect, it } from '@jest/globals';
import { MessageIdSource } from '../../../../cli/client/message-id.ts';

describe('MessageIdSource', () => {
  it('makes ids as official clients do', () => {
    const random = Buffer.from('0a0b0c0d0e0f0000000700000000', 'hex');
    const ids = new MessageIdSource(random, 0x1_2345, Date.UTC(2021, 0, 1, 0, 0, 16));
    expect(ids.next()).toBe('010A0B0C0D0E0F23450000001000000008');
    expect(ids.next()).toBe('010A0B0C0D0E0F23450000001000000009');
  });

  it('makes ids of 34 digits after its sequence has started anew', () => {
    const ids = new MessageIdSource(Buffer.alloc(12, 0xff), 1, Date.UTC(2026, 0, 1));
    expect(ids.next()).toMatch(/^01[0-9A-F]{24}00000000$/);
  });
});
