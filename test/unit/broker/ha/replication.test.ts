import { describe, expect, it } from '@jest/globals';
import { decodeMasterFrame } from '../../../../common/wire/replication-codec.ts';
import { simulate, type World } from '../../../simulation/world.ts';
import { OPTIONS, termsFor, TestMember, until } from './ha-kit.ts';

interface Pair {
  readonly world: World;
  readonly a: TestMember;
  readonly b: TestMember;
}

function withPair(body: (pair: Pair) => Promise<void>, cacheBytes?: number): Promise<void> {
  return simulate(7, async (world) => {
    const a = await TestMember.start(world, 'a', cacheBytes);
    const b = await TestMember.start(world, 'b', cacheBytes);
    await body({ world, a, b });
  });
}

const isEqual = (a: TestMember, b: TestMember) => (): boolean =>
  a.log.durableOffset === a.log.endOffset && b.log.durableOffset === a.log.endOffset;

const said = (member: TestMember): string => JSON.stringify(member.logger.lines);

const inSet = { syncStateSet: ['a', 'b'] };

describe('the stream', () => {
  it('makes an empty slave equal to its master, epochs included, and keeps it so', async () => {
    await withPair(async ({ world, a, b }) => {
      await a.becomeMaster(1);
      a.putMany(50, 'old');
      const slave = await b.follow(a, 1);
      await until(world, isEqual(a, b), 'catch-up');
      a.putMany(50, 'new');
      await until(world, isEqual(a, b), 'following');
      expect(await b.texts()).toEqual(await a.texts());
      expect(b.replica.history.starts).toEqual(a.replica.history.starts);
      expect([b.replica.isOwnEpoch(1), a.replica.isOwnEpoch(1)]).toEqual([false, true]);
      expect([slave.isFollowing, slave.lagBytes()]).toEqual([true, 0]);
      await until(world, () => b.folded === a.log.endOffset, 'the slave is told what is confirmed');
    });
  });

  it('reads what has left memory from the disk, and catches up while the master goes on', async () => {
    await withPair(async ({ world, a, b }) => {
      await a.becomeMaster(1);
      for (let round = 0; round < 30; round += 1) {
        a.putMany(400, `${round}/`, 190);
        await until(world, () => a.log.durableOffset === a.log.endOffset, 'written');
      }
      expect(a.log.cachedBytes).toBeLessThan(a.log.endOffset / 2);
      await b.follow(a, 1);
      for (let round = 0; !isEqual(a, b)(); round += 1) {
        if (round < 50) a.put(`live ${round}`);
        await world.sleep(10);
        expect(round).toBeLessThan(2_000);
      }
      expect(await b.texts()).toEqual(await a.texts());
    }, 1 << 20);
  });

  it('sends no more than its window to a slave that does not acknowledge', async () => {
    await withPair(async ({ world, a, b }) => {
      let sent = 0;
      a.filter = (stream) => ({
        end: (error) => {
          stream.end(error);
        },
        send: (message) => {
          const frame = decodeMasterFrame(Buffer.from(message));
          if (frame.kind === 'batch') sent += frame.batch.records.length;
          return stream.send(message);
        },
      });
      await a.becomeMaster(1);
      await b.follow(a, 1);
      await until(world, isEqual(a, b), 'following');
      const before = sent;
      b.node.drive.injectNext('write', { kind: 'delay', delayMs: 700 });
      a.putMany(300, 'x');
      await world.sleep(600);
      expect(sent - before).toBeGreaterThan(OPTIONS.replicationWindowBytes / 2);
      expect(sent - before).toBeLessThanOrEqual(OPTIONS.replicationWindowBytes);
      await until(world, isEqual(a, b), 'the rest');
    });
  });

  it('comes back after the connection was cut, and after either side restarted', async () => {
    await withPair(async ({ world, a, b }) => {
      await a.becomeMaster(1, inSet);
      await b.follow(a, 1);
      a.putMany(20, 'x');
      await until(world, isEqual(a, b), 'following');
      world.network.partition(['a'], ['b']);
      a.putMany(20, 'y');
      await until(world, () => b.slave?.isFollowing === false, 'the slave notices silence');
      world.network.heal();
      await until(world, isEqual(a, b), 'following again');
      b.node.crash();
      a.putMany(20, 'z');
      await b.restart();
      await b.follow(a, 1);
      await until(world, isEqual(a, b), 'following after a restart');
      expect(await b.texts()).toEqual(await a.texts());
      expect(b.events.filter((event) => event.startsWith('rewind'))).toEqual([]);
    });
  });

  it('is replaced by a newer one of the same slave, whose old callbacks change nothing', async () => {
    await withPair(async ({ world, a, b }) => {
      const master = await a.becomeMaster(1);
      await b.follow(a, 1);
      await until(world, isEqual(a, b), 'following');
      world.network.block('b', 'a');
      world.network.block('a', 'b');
      await world.sleep(20);
      b.node.crash();
      world.network.heal();
      await b.restart();
      await b.follow(a, 1);
      await until(world, () => b.slave?.isFollowing === true, 'the newer stream');
      await world.sleep(3_000);
      expect(master.sync.followers(0, a.log.endOffset)[0]?.isConnected).toBe(true);
      a.put('more');
      await until(world, isEqual(a, b), 'following');
    });
  });

  it('keeps speaking while nothing is appended, so that both sides know the other lives', async () => {
    await withPair(async ({ world, a, b }) => {
      const master = await a.becomeMaster(1, inSet);
      await b.follow(a, 1);
      await until(world, isEqual(a, b), 'following');
      await world.sleep(5_000);
      expect(b.events).toEqual(['following']);
      const sinceMs = a.node.environment.clock.monotonicMs() - master.sync.confirmedByAllSinceMs();
      expect(sinceMs).toBeLessThan(3 * OPTIONS.replicationBeatMs);
      expect(master.sync.wantedSet(a.node.environment.clock.monotonicMs(), 0)).toBeUndefined();
    });
  });
});

describe('what is confirmed', () => {
  it('is only what the slave has on disk, with sync replication', async () => {
    await withPair(async ({ world, a, b }) => {
      const master = await a.becomeMaster(1, inSet);
      await b.follow(a, 1);
      await until(world, () => master.confirmOffset() === a.log.endOffset, 'confirmed');
      b.node.drive.injectNext('sync', { kind: 'delay', delayMs: 300 });
      const before = a.log.endOffset;
      a.put('x');
      await world.sleep(250);
      expect(a.log.durableOffset).toBe(a.log.endOffset);
      expect(master.confirmOffset()).toBe(before);
      await until(world, () => master.confirmOffset() === a.log.endOffset, 'confirmed');
    });
  });

  it('waits for a slave as soon as it is asked into the set, and tells who wants in', async () => {
    await withPair(async ({ world, a, b }) => {
      const master = await a.becomeMaster(1);
      await b.follow(a, 1);
      const wanted = (): readonly string[] | undefined =>
        master.sync.wantedSet(a.node.environment.clock.monotonicMs(), master.confirmOffset());
      await until(world, () => wanted()?.join() === 'a,b', 'growth');
      expect(a.events).toContain('status');
      master.updateTerms(termsFor(1, 'a', { ...inSet, setVersion: 2 }));
      expect(wanted()).toBeUndefined();
      b.node.crash();
      await until(world, () => wanted()?.join() === 'a', 'shrinking');
    });
  });

  it('tells when a slave has caught up, for a hand-over, and when it does not', async () => {
    await withPair(async ({ world, a, b }) => {
      const master = await a.becomeMaster(1);
      a.putMany(50, 'x');
      expect(await master.whenCaughtUp('b', 100)).toBe(false);
      await b.follow(a, 1);
      expect(await master.whenCaughtUp('b', 5_000)).toBe(true);
      expect(b.log.endOffset).toBe(a.log.endOffset);
      world.network.partition(['a'], ['b']);
      a.put('y');
      const waiting = master.whenCaughtUp('b', 5_000);
      master.stop();
      expect(await waiting).toBe(false);
    });
  });
});

describe('logs that have parted', () => {
  it('are made equal by cutting what the new master does not have', async () => {
    await withPair(async ({ world, a, b }) => {
      await a.becomeMaster(1);
      await b.follow(a, 1);
      a.putMany(10, 'both');
      await until(world, isEqual(a, b), 'following');
      const common = b.log.endOffset;
      world.network.partition(['a'], ['b']);
      a.putMany(10, 'only the old master');
      await until(world, () => a.log.durableOffset === a.log.endOffset, 'written');
      await b.becomeMaster(2);
      b.putMany(3, 'new');
      world.network.heal();
      a.folded = common;
      await a.follow(b, 2);
      await until(world, isEqual(b, a), 'following the new master');
      expect(await a.texts()).toEqual(await b.texts());
      expect(a.replica.history.starts).toEqual(b.replica.history.starts);
      expect([a.replica.isOwnEpoch(1), a.replica.isOwnEpoch(2)]).toEqual([true, false]);
    });
  });

  it('are left alone when the slave has folded what would have to go', async () => {
    await withPair(async ({ world, a, b }) => {
      await a.becomeMaster(1);
      await b.follow(a, 1);
      await until(world, isEqual(a, b), 'following');
      const common = b.log.endOffset;
      world.network.partition(['a'], ['b']);
      a.putMany(10, 'folded by mistake');
      await until(world, () => a.log.durableOffset === a.log.endOffset, 'written');
      await b.becomeMaster(2);
      world.network.heal();
      a.folded = a.log.endOffset;
      const end = a.log.endOffset;
      await a.follow(b, 2);
      await until(world, () => a.events.includes(`rewind ${common}`), 'rewind');
      await world.sleep(2_000);
      expect(a.log.endOffset).toBe(end);
      expect(a.slave?.isFollowing).toBe(false);
    });
  });

  it('ask for a snapshot when the master has deleted what the slave lacks', async () => {
    await withPair(async ({ world, a, b }) => {
      await a.becomeMaster(1);
      a.putMany(300, 'x');
      await until(world, () => a.log.durableOffset === a.log.endOffset, 'written');
      await a.log.deleteSegmentsBefore(a.log.durableOffset);
      expect(a.log.startOffset).toBeGreaterThan(0);
      await b.follow(a, 1);
      await until(world, () => b.events.includes('snapshot'), 'snapshot');
      await world.sleep(2_000);
      expect(b.log.endOffset).toBe(0);
    });
  });
});

describe('epochs', () => {
  it('are refused when the slave follows another one; a higher one is told to the master', async () => {
    await withPair(async ({ world, a, b }) => {
      await a.becomeMaster(3);
      await b.follow(a, 5);
      await until(world, () => a.events.includes('higher 5'), 'the master hears');
      expect(b.slave?.isFollowing).toBe(false);
      expect(b.log.endOffset).toBe(0);
      await b.follow(a, 2);
      await until(world, () => b.events.includes('higher 3'), 'the slave hears');
      expect(b.log.endOffset).toBe(0);
    });
  });

  it('of other groups and of strangers are refused', async () => {
    await withPair(async ({ world, a, b }) => {
      const members = [{ name: 'a', address: { host: 'a', port: 1 } }];
      await a.becomeMaster(1, { members });
      await b.follow(a, 1);
      await world.sleep(2_000);
      expect([b.events, b.log.endOffset]).toEqual([[], 0]);
      expect(said(b)).toContain('no other member');
    });
  });

  it('in one log each get their own batches and their own entry', async () => {
    await withPair(async ({ world, a, b }) => {
      for (const term of [1, 2, 4, 7]) {
        await a.becomeMaster(term);
        a.putMany(3, `${term}/`);
      }
      await b.follow(a, 7);
      await until(world, isEqual(a, b), 'following');
      expect(b.replica.history.starts.map((start) => start.epoch)).toEqual([1, 2, 4, 7]);
      expect(b.replica.history.starts).toEqual(a.replica.history.starts);
    });
  });
});

describe('damage', () => {
  it('on the wire never gets into the log: the stream starts anew', async () => {
    await withPair(async ({ world, a, b }) => {
      let batches = 0;
      a.filter = (stream) => ({
        end: (error) => {
          stream.end(error);
        },
        send: (message) => {
          const copy = Buffer.from(message);
          const frame = decodeMasterFrame(copy);
          const isHit = frame.kind === 'batch' && frame.batch.records.length > 0;
          if (isHit && ++batches % 3 === 0) {
            const { records } = frame.batch;
            const at = (batches * 37) % records.length;
            records[at] = (records[at] ?? 0) ^ 0x10;
          }
          return stream.send(copy);
        },
      });
      await a.becomeMaster(1);
      a.putMany(100, 'x');
      await b.follow(a, 1);
      await until(world, isEqual(a, b), 'catch-up in spite of damage', 60_000);
      expect(await b.texts()).toEqual(await a.texts());
      expect(b.replica.history.starts).toEqual(a.replica.history.starts);
      expect(said(b)).toContain('damaged');
    });
  });

  it('of the disk of the slave ends the stream, and it goes on when the log is open again', async () => {
    await withPair(async ({ world, a, b }) => {
      await a.becomeMaster(1);
      await b.follow(a, 1);
      await until(world, isEqual(a, b), 'following');
      b.node.drive.injectNext('sync', { kind: 'error', code: 'EIO' });
      a.putMany(20, 'x');
      await until(world, () => b.log.failure !== undefined, 'failure');
      await world.sleep(1_000);
      await b.log.reopen();
      await until(world, isEqual(a, b), 'following again');
      expect(await b.texts()).toEqual(await a.texts());
    });
  });
});

describe('a stop', () => {
  it('of the slave leaves nothing that appends', async () => {
    await withPair(async ({ world, a, b }) => {
      await a.becomeMaster(1);
      a.putMany(200, 'x');
      await b.follow(a, 1);
      await until(world, () => b.log.endOffset > 0, 'it has begun');
      await b.slave?.stop();
      const end = b.log.endOffset;
      await world.sleep(1_000);
      expect(b.log.endOffset).toBe(end);
    });
  });

  it('of the master ends its streams, and the slave tries on until it is told otherwise', async () => {
    await withPair(async ({ world, a, b }) => {
      const master = await a.becomeMaster(1);
      await b.follow(a, 1);
      await until(world, isEqual(a, b), 'following');
      master.stop();
      await until(world, () => b.slave?.isFollowing === false, 'lost');
      await world.sleep(2_000);
      expect(said(b)).toContain('not the master any more');
    });
  });
});
