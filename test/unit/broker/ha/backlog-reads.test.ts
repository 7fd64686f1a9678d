import { describe, expect, it } from '@jest/globals';
import { BacklogPeers } from '../../../../broker/ha/backlog-peers.ts';
import {
  BACKLOG_READ_BYTES_MAX,
  backlogReads,
  type BacklogSource,
} from '../../../../broker/ha/backlog-reads.ts';
import type { GroupMember } from '../../../../common/model/broker-group.ts';
import { physicalOffset } from '../../../../common/model/offsets.ts';
import type { ServiceTable } from '../../../../common/rpc/service-table.ts';
import {
  decodeRecords,
  encodeReadRecords,
  READ_RECORDS_PATH,
  type RecordRange,
} from '../../../../common/wire/read-records-codec.ts';
import { ManualTime } from '../../../support/manual-time.ts';
import { TableChannel } from '../../../support/table-channel.ts';

const RANGE: RecordRange = { brokerName: 'broker-a', epoch: 3, offset: 1_000, bytes: 500 };

function slave(more: Partial<BacklogSource> = {}) {
  const failures: unknown[] = [];
  const source: BacklogSource = {
    ...{ epoch: 3, startOffset: physicalOffset(1_000), confirmOffset: 2_000 },
    read: (_offset, bytes) => Promise.resolve(Buffer.alloc(bytes, 1)),
    ...more,
  };
  const table: ServiceTable = Object.fromEntries([
    backlogReads({
      ...{ brokerName: 'broker-a', source: () => source },
      onFailure: (_range, error) => failures.push(error),
    }),
  ]);
  const channel = new TableChannel('slave:1', () => table);
  const ask = async (range: Partial<RecordRange>) =>
    decodeRecords(
      await channel.unary(READ_RECORDS_PATH, encodeReadRecords({ ...RANGE, ...range }), {
        ...{ deadlineMs: 1_000, metadata: {} },
      }),
    );
  return { ask, table, failures };
}

describe('a slave that is asked for old records', () => {
  it('gives exactly the bytes', async () => {
    const answer = await slave().ask({});
    expect(answer.kind === 'records' ? answer.records.length : 0).toBe(500);
  });

  it.each([
    ['of another group', { brokerName: 'broker-b' }, 'belongs to broker-a'],
    ['of another epoch', { epoch: 4 }, 'follows the master of epoch 3'],
    ['that it has deleted', { offset: 999 }, 'its log begins at 1000'],
    ['that it does not know to be confirmed', { offset: 1_501 }, 'is behind, at 2000'],
    ['in too large a piece', { bytes: BACKLOG_READ_BYTES_MAX + 1 }, 'are not given at once'],
    ['in no piece at all', { bytes: 0 }, 'are not given at once'],
  ])('gives none %s', async (_what, range, reason) => {
    expect(await slave().ask(range)).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining(reason),
    });
  });

  it('reads so many at a time and refuses more', async () => {
    const { ask } = slave({ read: () => new Promise(() => undefined) });
    for (let i = 0; i < 16; i += 1) void ask({});
    expect(await ask({})).toMatchObject({ kind: 'refused', reason: '16 reads are under way' });
  });

  it('says when its own disk fails', async () => {
    const error = new Error('EIO');
    const { ask, failures } = slave({ read: () => Promise.reject(error) });
    expect(await ask({})).toEqual({ kind: 'refused', reason: 'its own read failed' });
    expect(failures).toEqual([error]);
  });
});

describe('a master that asks its slaves', () => {
  function master(tables: ReadonlyMap<string, ServiceTable>) {
    const time = new ManualTime();
    const channels: TableChannel[] = [];
    let inSync: readonly GroupMember[] = [...tables.keys()].map((name, i) => ({
      name,
      address: { host: 'member', port: i + 1 },
    }));
    const names = [...tables.keys()];
    const peers = new BacklogPeers({
      ...{ brokerName: 'broker-a', epoch: () => 3, inSync: () => inSync, clock: time },
      connect: ({ port }) => {
        const name = names[port - 1] ?? '';
        const channel = new TableChannel(name, () => tables.get(name));
        channels.push(channel);
        return channel;
      },
    });
    const leave = (name: string): void => {
      inSync = inSync.filter((member) => member.name !== name);
    };
    const asked = () => channels.map(({ address, calls }) => `${address} ${calls.length}`).sort();
    return { peers, leave, asked, channels, time };
  }

  it('asks those in sync in turn', async () => {
    const { peers, asked } = master(
      new Map([
        ['b', slave().table],
        ['c', slave().table],
      ]),
    );
    for (let i = 0; i < 6; i += 1) expect(await peers.read(1_000, 100)).toHaveLength(100);
    expect(asked()).toEqual(['b 3', 'c 3']);
  });

  it('leaves one alone for a while that did not help', async () => {
    const { peers, asked, time } = master(new Map([['b', {}]]));
    expect(await peers.read(1_000, 100)).toBeUndefined();
    expect(await peers.read(1_000, 100)).toBeUndefined();
    expect(asked()).toEqual(['b 1']);
    time.advance(5_000);
    await peers.read(1_000, 100);
    expect(asked()).toEqual(['b 2']);
  });

  it('closes the channel to one that is no longer in sync', async () => {
    const { peers, leave, channels } = master(new Map([['b', slave().table]]));
    await peers.read(1_000, 100);
    leave('b');
    expect(await peers.read(1_000, 100)).toBeUndefined();
    expect(channels[0]?.isClosed).toBe(true);
    expect(peers.channelCount).toBe(0);
  });

  it('does not ask for more than a slave would give', async () => {
    const { peers, asked } = master(new Map([['b', slave().table]]));
    expect(await peers.read(0, BACKLOG_READ_BYTES_MAX + 1)).toBeUndefined();
    expect(asked()).toEqual([]);
  });
});
