import { describe, expect, it } from '@jest/globals';
import { EpochHistory } from '../../../../broker/ha/core/epoch-history.ts';
import { simulate, type World } from '../../../simulation/world.ts';
import { termsFor, TestMember, until } from './ha-kit.ts';

const NAMES = ['a', 'b', 'c'];
const SEEDS = 25;
const STEPS = 30;

/** A controller that knows everything: the stored set, and who may be elected. */
class Group {
  readonly world: World;
  readonly members: readonly TestMember[];
  epoch = 0;
  master: TestMember | undefined;
  set: readonly string[] = ['a'];
  setVersion = 0;
  /** Texts of what was confirmed, in order. */
  readonly confirmed: string[] = [];
  #confirmedTo = 0;
  #count = 0;

  constructor(world: World, members: readonly TestMember[]) {
    this.world = world;
    this.members = members;
  }

  /** The most advanced member of the stored set, the others follow; a member that lost its log from under it is opened anew. */
  async elect(): Promise<void> {
    this.note();
    this.epoch += 1;
    for (const member of this.members) await member.stop();
    for (const member of this.members)
      if (member.log.failure === undefined) await member.log.sync();
    const candidates = this.members.filter(({ name }) => this.set.includes(name));
    const [best] = candidates.sort(
      (x, y) =>
        y.replica.history.lastEpoch - x.replica.history.lastEpoch ||
        y.log.endOffset - x.log.endOffset,
    );
    if (best === undefined) throw new Error('the stored set is never empty');
    this.set = candidates.map(({ name }) => name);
    this.setVersion = 1;
    this.master = best;
    await best.becomeMaster(this.epoch, { syncStateSet: this.set });
    for (const member of this.members) if (member !== best) await member.follow(best, this.epoch);
  }

  /** What the master asks for is stored, and it is told sooner or later. */
  serve(isTold: boolean): void {
    const master = this.master?.master;
    if (this.master === undefined || master === undefined) return;
    const nowMs = this.master.node.environment.clock.monotonicMs();
    const wanted = master.sync.wantedSet(nowMs, master.confirmOffset());
    if (wanted !== undefined && master.sync.terms.setVersion === this.setVersion) {
      this.set = wanted;
      this.setVersion += 1;
    }
    if (isTold) {
      const { set: syncStateSet, setVersion } = this;
      master.updateTerms(termsFor(this.epoch, this.master.name, { syncStateSet, setVersion }));
    }
  }

  append(count: number): void {
    for (let n = 0; n < count && this.master !== undefined; n += 1) {
      this.#count += 1;
      this.master.put(`m${this.#count} ${'x'.repeat(this.#count % 400)}`);
    }
  }

  /** Remembers what is confirmed by now. */
  note(): void {
    const master = this.master;
    if (master?.master === undefined) return;
    const confirm = master.master.confirmOffset();
    while (this.#confirmedTo < confirm) {
      const record = master.log.recordSync(this.#confirmedTo as never);
      if (record === undefined) throw new Error('the cache holds all of a small log');
      this.confirmed.push(record.buffer.toString('utf8', record.payloadStart, record.payloadEnd));
      this.#confirmedTo += record.bytes;
    }
  }
}

async function play(world: World): Promise<Group> {
  const members: TestMember[] = [];
  for (const name of NAMES) members.push(await TestMember.start(world, name));
  const group = new Group(world, members);
  const { random } = world;
  await group.elect();
  for (let step = 0; step < STEPS; step += 1) {
    const choice = random.uint32() % 10;
    const member = members[random.uint32() % NAMES.length];
    const other = members[random.uint32() % NAMES.length];
    if (choice < 4) group.append(random.uint32() % 30);
    else if (choice === 4) group.serve(random.uint32() % 2 === 0);
    else if (choice === 5 && member && other && member !== other)
      world.network.partition([member.name], [other.name]);
    else if (choice === 6) world.network.heal();
    else if (choice === 7 && member && member !== group.master) {
      member.node.crash();
      await member.restart();
      if (group.master) await member.follow(group.master, group.epoch);
    } else if (choice === 8) await group.elect();
    await world.sleep(random.uint32() % 400);
    group.note();
    group.serve(random.uint32() % 3 > 0);
  }
  world.network.heal();
  return group;
}

describe('a group of three through failovers, crashes and partitions', () => {
  it('keeps everything that was confirmed, in order, and ends with equal logs', async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      await simulate(seed, async (world) => {
        const group = await play(world);
        await group.elect();
        group.append(5);
        const end = (): number => group.master?.log.endOffset ?? -1;
        const isDone = (): boolean =>
          group.members.every((member) => member.log.durableOffset === end());
        await until(world, isDone, 'equal ends', 30_000);
        group.serve(true);
        group.note();
        const [first, ...others] = await Promise.all(
          group.members.map(async (member) => ({
            texts: await member.texts(),
            epochs: member.replica.history.starts,
            events: member.events.filter((event) => /rewind|snapshot/.test(event)),
          })),
        );
        for (const other of others) expect(other).toEqual(first);
        expect(first?.events).toEqual([]);
        expect(first?.texts.slice(0, group.confirmed.length)).toEqual(group.confirmed);
        expect(group.confirmed.length).toBeGreaterThan(0);
        expect(new EpochHistory(first?.epochs).lastEpoch).toBe(group.epoch);
      });
    }
  });
});
