import { describe, expect, it } from '@jest/globals';
import { ReceiptBook } from '../../../../broker/consume/receipt-book.ts';
import type { Environment } from '../../../../common/environment/environment.ts';
import { queueOffset } from '../../../../common/model/offsets.ts';
import { recordStamp } from '../../../../common/model/record-stamp.ts';
import { simulate } from '../../../simulation/world.ts';

const HANDLE = {
  brokerName: 'b',
  topicId: 1,
  groupId: 2,
  queueId: 3,
  queueOffset: queueOffset(4),
  attempt: 5,
  stamp: recordStamp(6, 7),
};
const KEY = '/data/receipt.key';

async function openBook({ disk, random }: Environment): Promise<ReceiptBook> {
  await disk.makeDirectory('/data');
  return ReceiptBook.open('/data', disk, random);
}

describe('the receipt book', () => {
  it('opens after power loss what it made before, once it has been opened', () =>
    simulate(1, async (world) => {
      const node = world.addNode('b');
      const text = (await openBook(node.environment)).encode(HANDLE);
      node.crash();
      const again = await openBook(node.restart());
      expect(again.decode(text)).toEqual({ ok: true, handle: HANDLE });
      expect(node.drive.openHandleCount()).toBe(0);
    }));

  it('refuses what another data directory made', () =>
    simulate(1, async (world) => {
      const text = (await openBook(world.addNode('a').environment)).encode(HANDLE);
      const other = await openBook(world.addNode('b').environment);
      expect(other.decode(text)).toEqual({ ok: false, reason: 'forged' });
    }));

  it('is whole after power loss at any moment of its first opening', async () => {
    let operations = 100;
    for (let at = 1; at <= operations; at++) {
      await simulate(at, async (world) => {
        const node = world.addNode('b');
        // A process that dies leaves its promises open.
        const opened = openBook(node.environment).then(() => 'opened');
        const ended = await Promise.race([opened, node.crashAtDiskOperation(at)]);
        if (ended === 'opened') operations = at;
        const book = await openBook(node.restart());
        const text = book.encode(HANDLE);
        node.crash();
        const again = await openBook(node.restart());
        expect(again.decode(text)).toEqual({ ok: true, handle: HANDLE });
        expect(node.drive.contentOf(KEY)).toHaveLength(32);
      });
    }
    expect(operations).toBeGreaterThan(5);
  });

  it('makes a new key in place of one that was cut short', () =>
    simulate(1, async (world) => {
      const { disk, random } = world.addNode('b').environment;
      await disk.makeDirectory('/data');
      const file = await disk.open(KEY, { create: true });
      await file.write(0, [Buffer.alloc(12, 1)]);
      await file.close();
      const book = await ReceiptBook.open('/data', disk, random);
      const again = await ReceiptBook.open('/data', disk, random);
      expect(again.decode(book.encode(HANDLE))).toEqual({ ok: true, handle: HANDLE });
    }));
});
