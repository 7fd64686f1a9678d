import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { nodeEnvironment } from '../../../../common/environment/node/node-environment.ts';
import { epoch } from '../../../../common/model/offsets.ts';
import { newRecord, type GroupRecord } from '../../../../operator/failover/core/group-record.ts';
import { LocalGroupStore } from '../../../../operator/failover/local-group-store.ts';
import { recordFromJson, recordToJson } from '../../../../operator/failover/record-json.ts';
import { wholeGroup } from '../../../support/failover-drive.ts';

const RECORD: GroupRecord = newRecord({
  brokerName: 'a',
  members: [{ name: 'a-0', address: { host: 'localhost', port: 1 } }],
  replication: 'sync',
  minInSyncReplicas: 1,
  uncleanElection: false,
});

let directory = '';
let store: LocalGroupStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'group-store-'));
  store = new LocalGroupStore(nodeEnvironment(), directory);
  await store.open();
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('local store of group records', () => {
  it('gives back what was written, with another version for each write', async () => {
    expect(await store.read('a')).toBeUndefined();
    expect(await store.write('a', RECORD, undefined)).toBe('written');
    const first = await store.read('a');
    expect(first?.record).toEqual(RECORD);
    const next = { ...RECORD, epoch: epoch(1) };
    expect(await store.write('a', next, first?.version)).toBe('written');
    const second = await store.read('a');
    expect(second?.record.epoch).toBe(1);
    expect(second?.version).not.toBe(first?.version);
  });

  it('stores nothing over a record that has changed since it was read', async () => {
    await store.write('a', RECORD, undefined);
    const stored = await store.read('a');
    await store.write('a', { ...RECORD, blocked: 'x' }, stored?.version);
    expect(await store.write('a', { ...RECORD, blocked: 'y' }, stored?.version)).toBe('conflict');
    expect(await store.write('a', { ...RECORD, blocked: 'z' }, undefined)).toBe('conflict');
    expect((await store.read('a'))?.record.blocked).toBe('x');
  });

  it('lets one of many writers win, from two controllers on one directory', async () => {
    const other = new LocalGroupStore(nodeEnvironment(), directory);
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, index) => {
        const record = { ...RECORD, blocked: `writer ${index}` };
        return (index % 2 === 0 ? store : other).write('a', record, undefined);
      }),
    );
    expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(1);
    const winner = outcomes.indexOf('written');
    expect((await store.read('a'))?.record.blocked).toBe(`writer ${winner}`);
  });

  it('survives a write that ended before its file was in place', async () => {
    await store.write('a', RECORD, undefined);
    await writeFile(join(directory, 'a.json.new'), '{"half');
    const stored = await store.read('a');
    expect(await store.write('a', { ...RECORD, blocked: 'x' }, stored?.version)).toBe('written');
    expect((await store.read('a'))?.record.blocked).toBe('x');
  });

  it.each([
    ['cut short', (text: string) => text.slice(0, 90)],
    ['changed by hand', (text: string) => text.replace('"epoch": 0', '"epoch": 9')],
    ['empty', () => ''],
  ])('refuses a file that was %s, and says what to do', async (_, damage) => {
    await store.write('a', RECORD, undefined);
    const path = join(directory, 'a.json');
    await writeFile(path, damage(await readFile(path, 'utf8')));
    const read = store.read('a');
    await expect(read).rejects.toMatchObject({
      code: 'group-record-damaged',
      hint: expect.stringContaining('Remove the file') as unknown,
    });
    await expect(store.write('a', RECORD, undefined)).rejects.toMatchObject({
      code: 'group-record-damaged',
    });
  });
});

describe('a group record as text', () => {
  it('comes back as it was, with its history', () => {
    const record = wholeGroup({ replication: 'sync', uncleanElection: false }).stored;
    if (record === undefined) throw new Error('no record');
    expect(record.transitions).toHaveLength(1);
    expect(recordFromJson(JSON.parse(recordToJson(record)))).toEqual(record);
  });

  it.each([
    ['a phase that does not exist', { phase: 'calm' }, 'record.phase'],
    ['a master without a run', { master: { name: 'a-0' } }, 'record.master.runId'],
    ['a stable group without master', { phase: 'stable' }, 'phase stable has no master'],
    ['a format of the future', { format: 2 }, 'format is 2'],
    ['an epoch that is none', { epoch: -1 }, 'record.epoch'],
  ])('is refused with %s', (_, change, reason) => {
    const value = { ...(JSON.parse(recordToJson(RECORD)) as object), ...change };
    expect(() => recordFromJson(value)).toThrow(reason);
  });
});
