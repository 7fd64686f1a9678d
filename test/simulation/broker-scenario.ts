import { assert } from '../../common/assert.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import { isMqError, MqError } from '../../common/errors/mq-error.ts';
import { CommitLog } from '../../broker/store/commit-log.ts';
import { isDiskError, isStoreError } from '../../broker/store/store-error.ts';
import { BrokerKit, type Received } from '../support/broker-kit.ts';
import { plant, type BrokerBug } from './broker-bugs.ts';
import { BrokerLedger, type GroupRules } from './broker-ledger.ts';
import { SOUND_DISK, type DiskFaults } from './disk-faults.ts';
import { drawFaultPlan } from './fault-plan.ts';
import type { SimNode } from './sim-node.ts';
import { simulate, type World } from './world.ts';

const LIFE_COUNT = 5;
const LIFE_MS = 6_000;
const OPEN_ATTEMPTS_MAX = 100;
/** Disk operations after which power may fail: about one life. */
const CRASH_OPERATIONS = 800;
const TAGS = ['A', 'B', 'C', 'D', ''];
const MAX_ATTEMPTS = 3;
/** Never deleted, but it grows; the other one is deleted and made again. */
const TOPIC = 't';
const FLEETING = 'u';

interface Member {
  readonly group: string;
  readonly topic: string;
  readonly tags: string;
}

const MEMBERS: readonly Member[] = [
  { group: 'all', topic: TOPIC, tags: '*' },
  { group: 'all', topic: TOPIC, tags: '*' },
  { group: 'mixed', topic: TOPIC, tags: 'A' },
  { group: 'mixed', topic: TOPIC, tags: 'B || C' },
  { group: 'all', topic: FLEETING, tags: '*' },
  { group: 'fleeting', topic: TOPIC, tags: '*' },
];

const RULES: Record<string, GroupRules> = {
  all: { maxAttempts: MAX_ATTEMPTS, wants: () => true },
  fleeting: { maxAttempts: MAX_ATTEMPTS, wants: () => true },
  mixed: { maxAttempts: MAX_ATTEMPTS, wants: (tag) => tag === 'A' || tag === 'B' || tag === 'C' },
};

interface Run {
  readonly world: World;
  readonly node: SimNode;
  readonly options: Partial<NodeOptions>;
  readonly ledger: BrokerLedger;
  /** Sends whose outcome nobody knows; they are repeated. */
  readonly unknown: Map<string, { topic: string; tag: string | undefined }>;
  ids: number;
  /** Deletions that were asked for in this life: what they came to is not known before the next one. */
  readonly deleting: { topic: boolean; group: boolean };
  /** With flush async, after kill -9: what is not durable is lost if the next start fails or power does. */
  durableAtKill: number | undefined;
  /** Of the life that goes on. */
  log: CommitLog | undefined;
}

interface Life {
  readonly kit: BrokerKit;
  isOver(): boolean;
  end(): void;
}

/**
 * A whole broker under producers, consumers, administration and retention, through power loss, kill -9, torn writes, lost
 * unsynced bytes, flipped bits and a disk that fails; compared with the ledger after each life, and drained in the end.
 */
export async function runBroker(seed: number, bug?: BrokerBug): Promise<void> {
  const shared: { run: Run | undefined } = { run: undefined };
  const open = CommitLog.open.bind(CommitLog);
  CommitLog.open = async (...args) => {
    const log = await open(...args);
    if (shared.run !== undefined) shared.run.log = log;
    return log;
  };
  const unplant = plant(bug);
  try {
    await simulate(seed, async (world) => {
      const plan = drawFaultPlan(world.random.fork('plan'));
      world.useFaultPlan(plan);
      const run = newRun(world, bug);
      shared.run = run;
      for (let life = 0; life < LIFE_COUNT; life++) await liveOnce(run, plan.disk);
      run.node.drive.faults = SOUND_DISK;
      await finish(run);
    });
  } finally {
    unplant();
    CommitLog.open = open;
  }
}

function newRun(world: World, bug: BrokerBug | undefined): Run {
  const { random } = world;
  const segmentBytes = random.pick([1_500, 5_000, 1 << 20]);
  const retentionBytes = random.chance(0.5) ? 0 : 3 * segmentBytes;
  const isAsync =
    bug === 'publishes-snapshots-before-the-log-is-synced' ||
    (bug === undefined && random.chance(0.4));
  const options: Partial<NodeOptions> = {
    flush: isAsync ? 'async' : 'sync',
    flushIntervalMs: 50,
    segmentBytes,
    retentionBytes,
    retentionIntervalMs: 500,
    cacheBytes: random.pick([0, 3_000, 1 << 20]),
    batchBytes: 64 * 1024,
    indexBufferBytes: random.pick([4_096, 1 << 20]),
    snapshotIntervalBytes: random.pick([1_000, 20_000]),
    snapshotIntervalMs: 2_000,
    maxInflightPerQueue: random.pick([3, 1_000]),
    autoCreateTopics: false,
    autoCreateGroups: false,
    invisibleMinMs: 10,
    autoRenewInvisibleMs: 1_000,
    clientExpiryMs: 3_000,
  };
  if (bug === 'carries-no-references')
    Object.assign(options, { segmentBytes: 1_500, retentionBytes: 4_500 });
  const ledger = new BrokerLedger(options.retentionBytes === 0);
  const node = world.addNode('broker');
  return {
    world,
    node,
    options,
    ledger,
    unknown: new Map(),
    ids: 0,
    deleting: { topic: false, group: false },
    durableAtKill: undefined,
    log: undefined,
  };
}

async function liveOnce(run: Run, faults: DiskFaults): Promise<void> {
  const { world, node } = run;
  node.drive.faults = faults;
  run.log = undefined;
  const crashed = world.random.chance(0.7)
    ? node.crashAtDiskOperation(1 + world.random.below(CRASH_OPERATIONS))
    : new Promise<never>(() => undefined);
  const lives: Life[] = [];
  let isCrashed = false;
  await Promise.race([crashed, serve(run, faults, lives, () => isCrashed)]);
  isCrashed = true;
  for (const life of lives) life.end();
  endLife(run);
}

function endLife(run: Run): void {
  const { world, node, options, ledger, log, deleting } = run;
  if (deleting.topic) forgetTopic(run);
  if (deleting.group) ledger.groupForgotten('fleeting');
  deleting.topic = deleting.group = false;
  const isPowerLost = !node.isAlive || world.random.chance(0.4);
  const hasFailedSync = log?.failure !== undefined && log.failure.operation !== 'write';
  if (isPowerLost) loseUnsynced(run);
  if (options.flush === 'async' && log !== undefined) {
    run.durableAtKill = log.durableOffset;
    if (isPowerLost || hasFailedSync) loseUnsynced(run);
  }
  if (isPowerLost) node.crash();
  else node.kill();
  node.restart();
}

function loseUnsynced(run: Run): void {
  if (run.durableAtKill !== undefined) run.ledger.lost(run.durableAtKill);
  run.durableAtKill = undefined;
}

/** One life, until its time is over. */
async function serve(
  run: Run,
  faults: DiskFaults,
  lives: Life[],
  isCrashed: () => boolean,
): Promise<void> {
  const { world, node } = run;
  const kit = await openPatiently(run, isCrashed);
  node.drive.faults = SOUND_DISK;
  await run.ledger.check(kit);
  node.drive.faults = faults;
  let isOver = false;
  const life: Life = { kit, isOver: () => isOver, end: () => void (isOver = true) };
  lives.push(life);
  const workers = [
    produce(run, life),
    produce(run, life),
    administer(run, life),
    ...MEMBERS.map((member, i) => consume(run, life, member, `client-${i}`)),
  ];
  await Promise.race([Promise.all(workers), world.sleep(world.random.below(LIFE_MS))]);
  if (world.random.chance(0.2)) await kit.broker.stop().catch(expected);
}

/** What a failing disk does to an administrator; anything else is a bug. */
function expected(error: unknown): void {
  if ((error as Error).name === 'SnapshotDamagedError') return;
  if (!isMqError(error) && !isStoreError(error) && !isDiskError(error)) throw error;
}

/** Once `isCrashed` it never resolves: what goes on in a later life must not be mixed with this one. */
async function openPatiently(run: Run, isCrashed = (): boolean => false): Promise<BrokerKit> {
  const { world, node } = run;
  for (let attempt = 1; ; attempt++) {
    try {
      const kit = await BrokerKit.open(node.environment, run.options);
      run.durableAtKill = undefined;
      await prepare(kit);
      return kit;
    } catch (error) {
      expected(error);
      loseUnsynced(run);
      // A flipped bit is read as damage, and the next look finds none.
      const isFlip = node.drive.faults.bitFlipProbability > 0;
      if (isStoreError(error) && error.kind !== 'io')
        assert(isFlip, `the broker does not start: ${error.message}`);
      assert(attempt < OPEN_ATTEMPTS_MAX, `the broker does not start: ${String(error)}`);
      if (attempt === OPEN_ATTEMPTS_MAX / 2) node.drive.faults = SOUND_DISK;
      if (run.log !== undefined) endAttempt(run);
      await world.sleep(20);
      if (isCrashed()) await new Promise<never>(() => undefined);
    }
  }
}

/** A process that could not start ends; what it had written is there. */
function endAttempt(run: Run): void {
  run.node.kill();
  run.node.restart();
}

async function prepare(kit: BrokerKit): Promise<void> {
  const { topics, groups } = kit.services.state;
  for (const name of [TOPIC, FLEETING])
    if (topics.get(name) === undefined) await kit.createTopic(name, 2);
  for (const name of Object.keys(RULES)) {
    if (groups.get(name) === undefined) await kit.createGroup(name, { maxAttempts: MAX_ATTEMPTS });
  }
  for (const { group, topic, tags } of MEMBERS)
    await kit.register(`${group}/${topic}/${tags}`, group, { [topic]: tags });
  // A member that could not subscribe is no member yet: what only it would want may be passed over.
  const isComplete = MEMBERS.every(({ group, topic, tags }) =>
    groups.get(group)?.filters.get(topic)?.has(tags),
  );
  if (!isComplete) throw new MqError('log-failed', { reason: 'not everybody has subscribed' });
}

async function produce(run: Run, life: Life): Promise<void> {
  const { world, ledger, unknown } = run;
  while (!life.isOver()) {
    const [repeated] = world.random.chance(0.5) ? [...unknown] : [];
    const id = repeated?.[0] ?? `m${++run.ids}`;
    const { topic, tag } = repeated?.[1] ?? {
      topic: world.random.pick([TOPIC, TOPIC, FLEETING]),
      tag: world.random.pick(TAGS) || undefined,
    };
    if (repeated === undefined) ledger.asked(id, topic, tag);
    unknown.set(id, { topic, tag });
    const body = 'x'.repeat(world.random.pick([0, 20, 300]));
    const outcome = await life.kit.send(topic, id, tag === undefined ? { body } : { tag, body });
    if (life.isOver()) return;
    ledger.answered(id, outcome, life.kit.broker.describeStore().logEndOffset);
    if (outcome.message === 'OK' && !world.random.chance(0.1)) unknown.delete(id);
    await world.sleep(world.random.pick([0.1, 20, 100, 400]));
  }
}

async function consume(run: Run, life: Life, member: Member, client: string): Promise<void> {
  const { world, ledger } = run;
  const { group, topic, tags } = member;
  while (!life.isOver()) {
    const gone = new AbortController();
    if (world.random.chance(0.1))
      void world.sleep(world.random.below(500)).then(() => gone.abort());
    const isRenewed = world.random.chance(0.2);
    if (isRenewed) await life.kit.register(client, group, { [topic]: tags });
    const incarnation = ledger.incarnation(group);
    const { messages } = await life.kit.tryReceive(group, topic, {
      tags,
      client,
      autoRenew: isRenewed,
      count: world.random.pick([1, 4, 32]),
      invisibleMs: world.random.pick([50, 500, 3_000]),
      pollMs: world.random.pick([0, 300, 2_000]),
      signal: gone.signal,
    });
    if (life.isOver()) return;
    const rules = RULES[group];
    assert(rules !== undefined, `no rules of ${group}`);
    if (ledger.incarnation(group) !== incarnation) continue;
    for (const message of messages) ledger.delivered(group, topic, message, rules);
    for (const message of messages) {
      if (life.isOver()) return;
      if (ledger.incarnation(group) !== incarnation) break;
      await settle(run, life, member, message);
    }
    if (world.random.chance(0.05)) await life.kit.access.removeClient(client);
    await world.sleep(world.random.pick([10, 50, 400]));
  }
}

async function settle(
  run: Run,
  life: Life,
  { group, topic }: Member,
  message: Received,
): Promise<void> {
  const { world, ledger } = run;
  const choice = world.random.below(10);
  if (choice < 5) {
    ledger.settling(group, topic, message);
    const incarnation = ledger.incarnation(group);
    const status = await life.kit.ack(group, topic, message.handle);
    if (life.isOver() || incarnation !== ledger.incarnation(group)) return;
    if (status === 'OK')
      ledger.acknowledged(group, topic, message, life.kit.broker.describeStore().logEndOffset);
  } else if (choice === 5) {
    await life.kit.changeInvisible(
      group,
      topic,
      message.handle,
      world.random.pick([0, 100, 1_000]),
    );
  } else if (choice === 6 && world.random.chance(0.3)) {
    ledger.settling(group, topic, message);
    await life.kit.bury(group, topic, message.handle);
  } else if (choice === 7) {
    const at = world.random.below(message.handle.length);
    const letter = message.handle[at] === 'A' ? 'B' : 'A';
    const forged = message.handle.slice(0, at) + letter + message.handle.slice(at + 1);
    const status = await life.kit.ack(group, topic, forged);
    if (!life.isOver()) assert(status !== 'OK', 'a forged handle was accepted');
  }
}

async function administer(run: Run, life: Life): Promise<void> {
  const { world, ledger } = run;
  const { admin, state } = life.kit.services;
  while (!life.isOver()) {
    await world.sleep(world.random.below(2_000));
    if (life.isOver()) return;
    const choice = world.random.below(4);
    try {
      const topic = state.topics.get(TOPIC)?.config;
      if (choice === 0 && topic !== undefined && topic.queueCount < 5) {
        await admin.updateTopic({ ...topic, queueCount: topic.queueCount + 1 });
      } else if (choice === 1) {
        forgetTopic(run);
        run.deleting.topic = true;
        await admin.deleteTopic(FLEETING);
        forgetTopic(run);
        await prepare(life.kit);
      } else if (choice === 2) {
        ledger.groupForgotten('fleeting');
        run.deleting.group = true;
        await admin.deleteGroup('fleeting');
        if (!life.isOver()) ledger.groupForgotten('fleeting');
        await prepare(life.kit);
      }
    } catch (error) {
      expected(error);
    }
  }
}

function forgetTopic({ ledger, unknown }: Run): void {
  ledger.topicForgotten(FLEETING);
  for (const [id, { topic }] of unknown) if (topic === FLEETING) unknown.delete(id);
}

/** The faults are over: everything that is left must be delivered within a bounded time. */
async function finish(run: Run): Promise<void> {
  const { world, ledger } = run;
  run.node.kill();
  run.node.restart();
  const kit = await openPatiently({ ...run, options: { ...run.options, retentionBytes: 0 } });
  await ledger.check(kit);
  const drains = MEMBERS.map(async (member) => ({ member, ids: await drain(run, kit, member) }));
  const drained = await Promise.all(drains);
  await ledger.check(kit);
  for (const { group, topic } of MEMBERS) {
    const ids = new Set(
      drained
        .filter((one) => one.member.group === group && one.member.topic === topic)
        .flatMap((one) => [...one.ids]),
    );
    const rules = RULES[group];
    if (rules !== undefined && group !== 'fleeting')
      await ledger.checkFinished(kit, group, topic, ids, rules);
  }
  await kit.broker.stop();
  await world.sleep(1);
}

/** Everything that the member still gets, acknowledged. */
async function drain(
  { ledger }: Run,
  kit: BrokerKit,
  { group, topic, tags }: Member,
): Promise<Set<string>> {
  const ids = new Set<string>();
  const rules = RULES[group];
  for (let empty = 0; empty < 3 && rules !== undefined; empty++) {
    const { messages, status } = await kit.tryReceive(group, topic, { tags, pollMs: 4_000 });
    assert(
      messages.length > 0 || status.includes('[message-not-found]'),
      `the last receives fail: ${status}`,
    );
    for (const message of messages) {
      ledger.delivered(group, topic, message, rules);
      ids.add(message.id);
      const acknowledged = await kit.ack(group, topic, message.handle);
      assert(acknowledged === 'OK', `the last acknowledgements fail: ${acknowledged}`);
    }
    if (messages.length > 0) empty = -1;
  }
  return ids;
}
