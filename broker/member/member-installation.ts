import type { Environment } from '../../common/environment/environment.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { GroupMember } from '../../common/model/broker-group.ts';
import { epoch as toEpoch } from '../../common/model/offsets.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import type { Address } from '../../common/options/option-definition.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import { rpcStatusOf } from '../../common/rpc/rpc-error.ts';
import type { ReplicaFile } from '../ha/replica-file.ts';
import { SlaveReplication } from '../ha/slave-replication.ts';
import { fetchSnapshot } from '../ha/snapshot-fetch.ts';
import { incomingDirectory, SnapshotInstallation } from '../ha/snapshot-installation.ts';
import { logStartOf } from './data-rewind.ts';
import { logOptions } from '../state-recovery.ts';
import { CommitLog } from '../store/commit-log.ts';
import { isDiskError, isStoreError } from '../store/store-error.ts';

export interface MemberInstallationPorts {
  readonly options: NodeOptions;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly memberName: string;
  readonly runId: string;
  readonly replica: ReplicaFile;
  readonly master: GroupMember;
  readonly epoch: number;
  connect(member: Address): RpcChannel;
  /** The data can be opened as after any restart. Not called after `stop`. */
  onDone(): void;
  onFatal(error: unknown): void;
}

/** `again`: the master has deleted more meanwhile; `failed`: the own log has. */
type Outcome = 'enough' | 'again' | 'failed' | 'stopped';

/** Pause after the master or the disk could not give what is needed. */
const RETRY_MS = 1_000;

/**
 * A slave whose master has deleted what it lacks starts over: the master's newest snapshot, then the log from the master's start
 * on. Works on closed data, for as long as that takes, until it is done or stopped; what was begun goes on in the next one.
 */
export class MemberInstallation {
  readonly epoch: number;
  readonly master: GroupMember;
  readonly #ports: MemberInstallationPorts;
  readonly #stopping = new AbortController();
  readonly #work: Promise<void>;

  constructor(ports: MemberInstallationPorts) {
    this.#ports = ports;
    this.epoch = ports.epoch;
    this.master = ports.master;
    this.#work = this.#run().catch((error: unknown) => {
      ports.onFatal(error);
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#work;
  }

  async #run(): Promise<void> {
    const { options, environment, replica, logger } = this.#ports;
    let installation = await SnapshotInstallation.pending(options.dataDir, environment, replica);
    while (!this.#isStopped()) {
      try {
        installation ??= await this.#begin();
        const outcome = await this.#fill(installation);
        if (outcome === 'stopped') return;
        if (outcome === 'enough') {
          await installation.complete();
          logger.info('snapshot of the master installed', { ...installation.snapshot, epochs: '' });
          this.#ports.onDone();
          return;
        }
        if (outcome === 'failed') await this.#pause();
        else {
          await installation.abandon();
          installation = undefined;
        }
      } catch (error) {
        const isExpected =
          isStoreError(error) || isDiskError(error) || rpcStatusOf(error) !== undefined;
        if (!isExpected) throw error;
        if (this.#isStopped()) return;
        logger.warn('the master cannot be copied now; trying on', { error });
        await this.#pause();
      }
    }
  }

  async #begin(): Promise<SnapshotInstallation> {
    const { options, environment, replica, memberName, master, epoch } = this.#ports;
    const channel = this.#ports.connect(master.address);
    try {
      const snapshot = await fetchSnapshot({
        channel,
        disk: environment.disk,
        directory: incomingDirectory(options.dataDir),
        brokerName: options.brokerName,
        memberName,
        epoch: toEpoch(epoch),
        signal: this.#stopping.signal,
      });
      return await SnapshotInstallation.begin(options.dataDir, environment, replica, snapshot);
    } finally {
      channel.close();
    }
  }

  /** Streams the log until the snapshot can be loaded with it. */
  async #fill(installation: SnapshotInstallation): Promise<Outcome> {
    const { options, environment } = this.#ports;
    const scanFrom = await logStartOf(options.dataDir, environment.disk);
    const { replica } = this.#ports;
    const membership = {
      isOwnEpoch: (epoch: number) => replica.isOwnEpoch(epoch),
      confirmOffset: () => 0,
    };
    const range = { scanFrom, durableFloor: scanFrom };
    const log = await CommitLog.open(logOptions(options, membership), environment, range);
    try {
      const outcome = await this.#stream(log, () => installation.isEnough(log.durableOffset));
      if (outcome === 'enough') await log.sync();
      return outcome;
    } finally {
      await log.close();
    }
  }

  async #stream(log: CommitLog, isEnough: () => boolean): Promise<Outcome> {
    const { options, environment, logger, memberName, runId, replica, master } = this.#ports;
    const { signal } = this.#stopping;
    let resolve: (outcome: Outcome) => void = () => undefined;
    const ended = new Promise<Outcome>((settle) => {
      resolve = settle;
    });
    const look = (): void => {
      if (isEnough()) resolve('enough');
    };
    const slave = new SlaveReplication(
      {
        ...{ log, replica, environment, logger, options, memberName, runId },
        brokerName: options.brokerName,
        foldedOffset: () => log.startOffset,
        ackOffset: () => log.durableOffset,
        connect: () => this.#ports.connect(master.address),
        listener: {
          confirmed: look,
          following: look,
          mustRewind: () => {
            resolve('again');
          },
          mustInstallSnapshot: () => {
            resolve('again');
          },
          higherEpoch: () => undefined,
        },
      },
      this.epoch,
    );
    const onAbort = (): void => {
      resolve('stopped');
    };
    if (signal.aborted) return 'stopped';
    signal.addEventListener('abort', onAbort);
    log.onAdvance(look);
    log.onFailure(() => {
      resolve('failed');
    });
    slave.start();
    look();
    const outcome = await ended;
    signal.removeEventListener('abort', onAbort);
    await slave.stop();
    return outcome;
  }

  #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#ports.environment.timers.after(RETRY_MS, resolve);
      this.#stopping.signal.addEventListener('abort', () => {
        timer.cancel();
        resolve();
      });
    });
  }
}
