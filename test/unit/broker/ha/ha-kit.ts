import { MasterReplication } from '../../../../broker/ha/master-replication.ts';
import { ReplicaFile } from '../../../../broker/ha/replica-file.ts';
import type { ReplicationOptions } from '../../../../broker/ha/replicated-log.ts';
import { SlaveReplication } from '../../../../broker/ha/slave-replication.ts';
import { snapshotTransfer } from '../../../../broker/ha/snapshot-transfer.ts';
import { CommitLog } from '../../../../broker/store/commit-log.ts';
import { parseSegmentName } from '../../../../broker/store/segment-file.ts';
import { assert } from '../../../../common/assert.ts';
import type { Environment } from '../../../../common/environment/environment.ts';
import type { GroupTerms } from '../../../../common/model/broker-group.ts';
import { epoch, physicalOffset } from '../../../../common/model/offsets.ts';
import type {
  BidiListener,
  BidiStream,
  CallContext,
} from '../../../../common/rpc/service-table.ts';
import { REPLICATE_PATH } from '../../../../common/wire/replication-codec.ts';
import { SimRpcChannel } from '../../../simulation/sim-rpc-channel.ts';
import { SimRpcServer } from '../../../simulation/sim-rpc-server.ts';
import type { SimNode } from '../../../simulation/sim-node.ts';
import type { World } from '../../../simulation/world.ts';
import { CollectingLogger } from '../../../support/collecting-logger.ts';
import { put, smallOptions, texts } from '../store/store-kit.ts';

const PORT = 9_000;
const NAMES = ['a', 'b', 'c'];

export const OPTIONS: ReplicationOptions = {
  replicationWindowBytes: 16_000,
  replicationBatchBytes: 2_000,
  replicationBeatMs: 100,
  inSyncTimeoutMs: 1_000,
};

/** Members of one group without brokers on top: logs and the stream between them. */
export class TestMember {
  readonly name: string;
  readonly node: SimNode;
  readonly logger = new CollectingLogger();
  readonly events: string[] = [];
  /** Highest offset that a slave was told it may fold, or a master's confirm offset when it was looked at. */
  folded = 0;
  master: MasterReplication | undefined;
  slave: SlaveReplication | undefined;
  /** What is done to what goes to or comes from slaves. */
  filter: (stream: BidiStream) => BidiStream = (stream) => stream;
  #log: CommitLog;
  #replica: ReplicaFile;
  readonly #cacheBytes: number;

  private constructor(node: SimNode, log: CommitLog, replica: ReplicaFile, cacheBytes: number) {
    this.name = node.name;
    this.node = node;
    this.#log = log;
    this.#replica = replica;
    this.#cacheBytes = cacheBytes;
  }

  static async start(world: World, name: string, cacheBytes = 1 << 20): Promise<TestMember> {
    const node = world.addNode(name);
    const parts = await openParts(node.environment, cacheBytes);
    const member = new TestMember(node, parts.log, parts.replica, cacheBytes);
    member.#serve();
    return member;
  }

  get log(): CommitLog {
    return this.#log;
  }

  get replica(): ReplicaFile {
    return this.#replica;
  }

  /** A new process on the same data. */
  async restart(): Promise<void> {
    await this.boot();
    await this.openAgain();
  }

  /** A new process that has not opened its log. */
  async boot(): Promise<void> {
    this.#replica = await ReplicaFile.open('/data', this.node.restart().disk);
    this.master = undefined;
    this.slave = undefined;
    this.#serve();
  }

  channelTo(other: TestMember): SimRpcChannel {
    return new SimRpcChannel(this.node.host, `${other.name}:${PORT}`, this.node.environment);
  }

  async openAgain(): Promise<void> {
    const parts = await openParts(this.node.environment, this.#cacheBytes);
    this.#log = parts.log;
    this.#replica = parts.replica;
    this.master = undefined;
    this.slave = undefined;
    this.folded = 0;
  }

  async becomeMaster(term: number, changes: Partial<GroupTerms> = {}): Promise<MasterReplication> {
    await this.stop();
    await this.replica.accept(term);
    await this.replica.beginEpoch(term, this.log.endOffset, true);
    this.log.setEpoch(epoch(term));
    const master = new MasterReplication(
      {
        log: this.log,
        history: this.replica.history,
        environment: this.node.environment,
        logger: this.logger,
        options: OPTIONS,
        brokerName: 'g',
        memberName: this.name,
        ownEnd: () => this.log.durableOffset,
        mayAckAlone: () => true,
        onProgress: () => {
          this.folded = Math.max(this.folded, master.confirmOffset());
        },
        onStatus: () => this.events.push('status'),
        onHigherEpoch: (higher) => this.events.push(`higher ${higher}`),
      },
      termsFor(term, this.name, changes),
    );
    this.master = master;
    this.put(`epoch ${term} of ${this.name}`);
    return master;
  }

  async follow(master: TestMember, term: number): Promise<SlaveReplication> {
    await this.stop();
    await this.replica.accept(term);
    const { environment } = this.node;
    const log = this.log;
    const slave = new SlaveReplication(
      {
        log,
        replica: this.replica,
        environment,
        logger: this.logger,
        options: OPTIONS,
        brokerName: 'g',
        memberName: this.name,
        runId: 'run',
        foldedOffset: () => this.folded,
        ackOffset: () => log.durableOffset,
        connect: () => this.channelTo(master),
        listener: {
          confirmed: (offset) => {
            assert(offset <= log.durableOffset, 'nothing is folded that is not durable');
            this.folded = Math.max(this.folded, offset);
          },
          following: (isFollowing) => this.events.push(isFollowing ? 'following' : 'lost'),
          mustRewind: (offset) => this.events.push(`rewind ${offset}`),
          mustInstallSnapshot: () => this.events.push('snapshot'),
          higherEpoch: (higher) => this.events.push(`higher ${higher}`),
        },
      },
      term,
    );
    this.slave = slave;
    slave.start();
    return slave;
  }

  async stop(): Promise<void> {
    this.master?.stop();
    await this.slave?.stop();
    this.master = undefined;
    this.slave = undefined;
  }

  put(text: string): number {
    return put(this.log, text);
  }

  putMany(count: number, prefix: string, bytes = 100): void {
    for (let n = 0; n < count; n += 1) this.put(`${prefix}${n} ${'x'.repeat(bytes)}`);
  }

  texts(): Promise<string[]> {
    return texts(this.log);
  }

  #serve(): void {
    const handle = (call: CallContext, stream: BidiStream): BidiListener =>
      this.master?.open(call, this.filter(stream)) ?? refusing(stream);
    const [fetchPath, fetch] = snapshotTransfer({
      brokerName: 'g',
      disk: this.node.environment.disk,
      directory: '/data/snapshot',
      source: () => {
        if (this.master === undefined) return undefined;
        const { starts: epochs } = this.replica.history;
        const { startOffset: logStartOffset } = this.log;
        const isMember = (name: string): boolean => NAMES.includes(name);
        return { epoch: this.master.epoch, epochs, logStartOffset, isMember };
      },
    });
    new SimRpcServer(this.node.host, PORT, this.node.environment.timers, {
      [REPLICATE_PATH]: { kind: 'bidi', handle },
      [fetchPath]: fetch,
    });
  }
}

export const termsFor = (
  term: number,
  master: string,
  changes: Partial<GroupTerms> = {},
): GroupTerms => ({
  epoch: epoch(term),
  setVersion: 1,
  syncStateSet: [master],
  members: NAMES.map((name) => ({ name, address: { host: name, port: PORT } })),
  replication: 'sync',
  minInSyncReplicas: 1,
  uncleanElection: false,
  ...changes,
});

/** Lets time pass until it holds. */
export async function until(
  world: World,
  holds: () => boolean,
  what: string,
  withinMs = 10_000,
): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 5) {
    if (waitedMs >= withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await world.sleep(5);
  }
}

function refusing(stream: BidiStream): BidiListener {
  stream.end();
  return { message: () => undefined, halfClosed: () => undefined, closed: () => undefined };
}

/** The log from wherever it starts, as a member without a snapshot opens it. */
async function openFromStart(environment: Environment, cacheBytes: number): Promise<CommitLog> {
  const names = await environment.disk.list('/data/commitlog');
  const first = names.map(parseSegmentName).find((start) => start !== undefined);
  const start = first ?? physicalOffset(0);
  const range = { scanFrom: start, durableFloor: start };
  return CommitLog.open(smallOptions({ cacheBytes }), environment, range);
}

async function openParts(
  environment: Environment,
  cacheBytes: number,
): Promise<{ log: CommitLog; replica: ReplicaFile }> {
  const log = await openFromStart(environment, cacheBytes);
  const replica = await ReplicaFile.open('/data', environment.disk);
  await replica.reconcile(log.endOffset, log.recovery.epochs);
  log.setEpoch(epoch(Math.max(log.recovery.lastEpoch, 0)));
  return { log, replica };
}
