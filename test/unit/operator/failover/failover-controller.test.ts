import { setImmediate } from 'node:timers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Metrics } from '../../../../common/metrics/metrics.ts';
import type { GroupMember } from '../../../../common/model/broker-group.ts';
import type { CallContext } from '../../../../common/rpc/service-table.ts';
import {
  ExplainRequest,
  ExplainResponse,
  FailoverControllerMethods,
  FenceRequest,
  FenceResponse,
  ListGroupsRequest,
  ListGroupsResponse,
  SwitchoverRequest,
  SwitchoverResponse,
} from '../../../../proto/generated/orbitmq.ts';
import type { GroupRecord } from '../../../../operator/failover/core/group-record.ts';
import type { GroupSpec } from '../../../../operator/failover/core/group-spec.ts';
import { FailoverController } from '../../../../operator/failover/failover-controller.ts';
import { FailoverService } from '../../../../operator/failover/failover-service.ts';
import type { GroupStore } from '../../../../operator/failover/group-store.ts';
import { CollectingLogger } from '../../../support/collecting-logger.ts';
import { MEMBERS, NAME_SERVERS, replicate } from '../../../support/failover-drive.ts';
import { GROUP } from '../../../support/failover-member.ts';
import { FailoverModel, TIMINGS } from '../../../support/failover-model.ts';
import { modelChannel, NAME_SERVER_ADDRESSES } from '../../../support/failover-network.ts';
import { ManualTime } from '../../../support/manual-time.ts';

const STEP_MS = 10;
const BEAT_MS = 200;

/** Records in memory, and disturbances. */
class MemoryStore implements GroupStore {
  readonly records = new Map<string, { record: GroupRecord; version: number }>();
  readonly broken = new Set<string>();
  /** Read for ever. */
  readonly silent = new Set<string>();

  async read(name: string): ReturnType<GroupStore['read']> {
    await Promise.resolve();
    if (this.broken.has(name)) throw new Error('the store is away');
    if (this.silent.has(name)) await new Promise(() => undefined);
    const found = this.records.get(name);
    return found && { record: found.record, version: String(found.version) };
  }

  async write(
    name: string,
    record: GroupRecord,
    expected: string | undefined,
  ): ReturnType<GroupStore['write']> {
    await Promise.resolve();
    const version = this.records.get(name)?.version;
    if (expected !== (version === undefined ? undefined : String(version))) return 'conflict';
    this.records.set(name, { record, version: (version ?? 0) + 1 });
    return 'written';
  }
}

class Cluster {
  readonly time = new ManualTime();
  readonly model: FailoverModel;
  readonly store = new MemoryStore();
  readonly logger = new CollectingLogger();
  readonly metrics = new Metrics({ cluster: 'c', node_type: 'controller', node_id: 'c0' }, 100);
  readonly controllers: FailoverController[] = [];
  readonly #service: FailoverService;
  groups: GroupSpec[];

  constructor(controllers = 1) {
    this.model = new FailoverModel(3, { replication: 'sync', uncleanElection: false });
    this.groups = [this.model.spec];
    for (let index = 0; index < controllers; index++) this.controllers.push(this.#create(index));
    const [first] = this.controllers;
    if (first === undefined) throw new Error('no controller');
    this.#service = new FailoverService(first, {
      ...{ clock: this.time, timers: this.time, timings: TIMINGS },
      onUnexpected: (where, error) => {
        throw new Error(where, { cause: error });
      },
    });
  }

  get record(): GroupRecord {
    const found = this.store.records.get(GROUP);
    if (found === undefined) throw new Error('no record');
    return found.record;
  }

  get master(): string {
    return this.record.master?.name ?? '';
  }

  /** Time goes on for everybody. */
  async run(ms: number): Promise<void> {
    for (let elapsedMs = 0; elapsedMs < ms; elapsedMs += STEP_MS) {
      this.time.advance(STEP_MS);
      this.model.nowMs += STEP_MS;
      if (elapsedMs % BEAT_MS === 0) {
        for (const m of MEMBERS) for (const n of NAME_SERVERS) this.model.heartbeat(m, n);
      }
      replicate(this.model);
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    this.model.stored = this.store.records.get(GROUP)?.record;
  }

  async started(): Promise<this> {
    for (const controller of this.controllers) await controller.start();
    await this.run(2_000);
    return this;
  }

  async stop(): Promise<void> {
    const stopped = Promise.all(this.controllers.map((controller) => controller.stop()));
    await this.run(3_000);
    await stopped;
  }

  async call(path: string, request: Uint8Array, ms = 2_000): Promise<Buffer> {
    const method = this.#service.table()[path];
    if (method?.kind !== 'unary') throw new Error(`no ${path}`);
    const answer = method.handle(Buffer.from(request), {} as CallContext);
    await this.run(ms);
    return Buffer.from(await answer);
  }

  messages(): readonly string[] {
    return this.logger.lines.map(({ message }) => message);
  }

  async exposition(): Promise<string> {
    let text = '';
    const now = { after: this.time.after.bind(this.time), soon: (task: () => void) => task() };
    for await (const part of this.metrics.render(now)) text += part;
    return text;
  }

  #create(index: number): FailoverController {
    const { time, model, store, logger } = this;
    const metrics =
      index === 0
        ? this.metrics
        : new Metrics({ cluster: 'c', node_type: 'controller', node_id: 'c1' }, 100);
    return new FailoverController({
      environment: { clock: time, timers: time },
      ...{ logger, metrics, store, timings: TIMINGS },
      connect: (address) => modelChannel(model, time, `c${index}`, address),
      witness: { endedRuns: (_, name) => Promise.resolve(model.ended.get(name) ?? []) },
      spec: {
        read: () =>
          Promise.resolve({
            ...{ clusterName: 'c', processDirectory: undefined, groups: this.groups },
            nameServers: NAME_SERVER_ADDRESSES,
          }),
      },
    });
  }
}

let cluster: Cluster | undefined;

async function start(controllers = 1): Promise<Cluster> {
  cluster = new Cluster(controllers);
  return cluster.started();
}

afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

describe('failover controller', () => {
  it('elects a first master and takes slaves that are level into the set', async () => {
    const own = await start();
    expect(own.record.phase).toBe('stable');
    expect(own.record.epoch).toBe(1);
    expect(own.record.syncStateSet).toEqual(MEMBERS);
    expect(own.model.servingMaster()?.name).toBe(own.master);
  });

  it('replaces a master whose process has ended within a second, and tells the story of it', async () => {
    const own = await start();
    own.model.knowsDeaths = true;
    const before = own.master;
    own.model.crash(before);
    await own.run(1_000);
    expect(own.master).not.toBe(before);
    expect(own.model.servingMaster()?.name).toBe(own.master);
    const told = own.logger.lines.find(({ message }) => message.startsWith('failover is done'));
    const first = own.logger.lines.filter(({ message }) => message.startsWith('failover is done'));
    expect(first).toHaveLength(2);
    expect(told?.fields).toMatchObject({ reason: 'first election' });
    expect(first[1]?.fields).toMatchObject({
      ...{ oldMaster: before, newMaster: own.master, oldEpoch: 1, newEpoch: 2 },
      reason: `the process of ${before} has ended`,
    });
    const text = await own.exposition();
    expect(text).toMatch(/orbitmq_failovers_total\{.*cause="process-ended"\} 1/);
    expect(text).toMatch(/orbitmq_group_epoch\{.*group="broker-a"\} 2/);
    expect(text).toMatch(/orbitmq_failover_duration_seconds_count\{.*phase="revoked"\} 2/);
    expect(text).toMatch(/orbitmq_member_heartbeat_age_seconds\{/);
  });

  it('knows while a master is being changed, until the next one serves', async () => {
    const own = await start();
    const [controller] = own.controllers;
    expect(controller?.isChanging).toBe(false);
    own.model.knowsDeaths = true;
    own.model.crash(own.master);
    let changes = 0;
    for (let turn = 0; turn < 100; turn++) {
      await own.run(10);
      if (controller?.isChanging === true) changes += 1;
      expect(controller?.isChanging).toBe(own.record.phase !== 'stable');
    }
    expect(changes).toBeGreaterThan(0);
    expect(controller?.isChanging).toBe(false);
  });

  it('has one master at a time with two controllers, and goes on with one of them', async () => {
    const own = await start(2);
    own.model.knowsDeaths = true;
    own.model.crash(own.master);
    await own.run(100);
    const stopped = own.controllers[0]?.stop();
    await own.run(1_500);
    await stopped;
    expect(own.record.phase).toBe('stable');
    expect(own.model.servingMaster()?.name).toBe(own.master);
    expect(own.model.violations).toEqual([]);
  });

  it('orders nothing while it cannot read what is stored, and looks after the other groups', async () => {
    const own = await start();
    own.model.knowsDeaths = true;
    own.store.broken.add(GROUP);
    const { address }: GroupMember = { name: '', address: { host: 'localhost', port: 99 } };
    own.groups = [
      ...own.groups,
      { ...own.model.spec, brokerName: 'other', members: [{ name: 'x', address }] },
    ];
    const { accepted } = own.model.member('m1');
    own.model.crash(own.master);
    await own.run(3_000);
    expect(own.model.member('m1').accepted).toBe(accepted);
    expect(own.messages().join()).toContain('the group cannot be looked after');
    expect(own.store.records.get('other')?.record.blocked).toBe('the first election waits for x');
    own.store.broken.clear();
    await own.run(3_000);
    expect(own.model.servingMaster()?.name).toBe(own.master);
  });

  it('ignores, loudly, a member of another name at the address of one', async () => {
    const own = await start();
    const [a, b] = own.model.spec.members;
    if (a === undefined || b === undefined) throw new Error('no members');
    const swapped = own.model.spec.members.map((member) =>
      member.name === a.name ? { ...a, address: b.address } : member,
    );
    own.groups = [{ ...own.model.spec, members: swapped }];
    const { epoch } = own.record;
    await own.run(3_000);
    expect(own.messages()).toContain('another member answers at this address: it is ignored');
    expect(own.record.epoch).toBe(epoch);
  });
});

describe('what administrators ask of it', () => {
  it('switches over to a member of the set, without anybody losing anything', async () => {
    const own = await start();
    const target = MEMBERS.find((name) => name !== own.master) ?? '';
    const request = SwitchoverRequest.encode({ brokerName: GROUP, targetMember: target }).finish();
    const { path } = FailoverControllerMethods.Switchover;
    const answer = SwitchoverResponse.decode(await own.call(path, request));
    expect(answer.status?.message).toBe('OK');
    expect(answer.transition).toMatchObject({
      newMaster: target,
      reason: `switchover to ${target}`,
    });
    expect(own.master).toBe(target);
    expect(own.model.violations).toEqual([]);
  });

  it('refuses a switchover to somebody unknown with the reason', async () => {
    const own = await start();
    const request = SwitchoverRequest.encode({ brokerName: GROUP, targetMember: 'y' }).finish();
    const { path } = FailoverControllerMethods.Switchover;
    const answer = SwitchoverResponse.decode(await own.call(path, request));
    expect(answer.status?.message).toContain('y is not a member of it');
  });

  it.each([
    ['cannot be read', 'the store is away', 'broken'],
    ['does not answer', 'it took longer than', 'silent'],
  ] as const)('says so when its store %s', async (_, reason, trouble) => {
    const own = await start();
    own.store[trouble].add(GROUP);
    const request = SwitchoverRequest.encode({ brokerName: GROUP, targetMember: 'b' }).finish();
    const { path } = FailoverControllerMethods.Switchover;
    const answer = SwitchoverResponse.decode(await own.call(path, request, 8_000));
    const message = `the record of broker group ${GROUP} cannot be read: ${reason}`;
    expect(answer.status?.message).toContain(message);
  });

  it('fences a group, and brings its master back when it is unfenced', async () => {
    const own = await start();
    const fence = async (fenced: boolean): Promise<string> => {
      const request = FenceRequest.encode({ brokerName: GROUP, fenced }).finish();
      const answer = await own.call(FailoverControllerMethods.Fence.path, request);
      return FenceResponse.decode(answer).group?.phase ?? '';
    };
    expect(await fence(true)).toBe('fenced');
    expect(own.model.members.every(({ isMasterOfSomething }) => !isMasterOfSomething)).toBe(true);
    await fence(false);
    expect(own.model.servingMaster()?.name).toBe(own.master);
  });

  it('explains who would win, and that nothing would be lost', async () => {
    const own = await start();
    const request = ExplainRequest.encode({ brokerName: GROUP }).finish();
    const answer = ExplainResponse.decode(
      await own.call(FailoverControllerMethods.Explain.path, request),
    );
    expect(answer).toMatchObject({ lossless: true, atRiskBytes: 0, blockers: [] });
    expect(answer.winner).not.toBe(own.master);
    own.model.knowsDeaths = true;
    own.model.crash(own.master);
    await own.run(1_000);
    expect(own.master).toBe(answer.winner);
  });

  it('lists the groups with what their members say', async () => {
    const own = await start();
    const request = ListGroupsRequest.encode({}).finish();
    const path = FailoverControllerMethods.ListGroups.path;
    const { groups } = ListGroupsResponse.decode(await own.call(path, request));
    expect(groups).toMatchObject([{ brokerName: GROUP, phase: 'stable', master: own.master }]);
    expect(groups[0]?.members?.map(({ heardBy }) => heardBy)).toEqual([3, 3, 3]);
  });
});
