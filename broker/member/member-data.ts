import type { Environment } from '../../common/environment/environment.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Metrics } from '../../common/metrics/metrics.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import type { Address } from '../../common/options/option-definition.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import { Broker } from '../broker.ts';
import type { BrokerMembership } from '../broker-membership.ts';
import type { ConfigurationFeed } from '../configuration-feed.ts';
import { rewindData, wipeData } from './data-rewind.ts';
import { requestIndexRebuild } from '../store/index/rebuild-marker.ts';
import { isDiskError, isStoreError } from '../store/store-error.ts';

export interface MemberDataPorts {
  readonly options: NodeOptions;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly advertised: Address;
  readonly membership: BrokerMembership;
  readonly configuration: ConfigurationFeed;
  onFatal(error: unknown): void;
}

/** Pause before data that the disk refused is opened again. */
const OPEN_RETRY_MS = 1_000;

/** The data directory of a member, and the broker that is open on it: one after another, as roles change. */
export class MemberData {
  readonly #ports: MemberDataPorts;
  #broker: Broker | undefined;
  #lastFolded = 0;
  #isClosing = false;

  constructor(ports: MemberDataPorts) {
    this.#ports = ports;
  }

  get isOpen(): boolean {
    return this.#broker !== undefined;
  }

  get broker(): Broker {
    if (this.#broker === undefined)
      throw new MqError('not-ready', { reason: 'it is recovering its data' });
    return this.#broker;
  }

  /** End of what has taken effect; while nothing is open, of what had. */
  get foldedOffset(): number {
    return this.#broker?.foldedOffset ?? this.#lastFolded;
  }

  /** Opened and not to be served with any more: it was a master's. */
  get isSpent(): boolean {
    return this.#broker?.isDeposed === true;
  }

  /** Recovers what is there. A disk that refuses for the moment is asked again until `close`; damage rejects. */
  async open(): Promise<Broker> {
    this.#isClosing = false;
    const { environment, logger } = this.#ports;
    for (let attempt = 1; ; attempt++) {
      try {
        const broker = await this.#openOnce();
        await broker.start();
        this.#broker = broker;
        return broker;
      } catch (error) {
        const isOfDisk = isDiskError(error) || (isStoreError(error) && error.kind === 'io');
        if (!isOfDisk || this.#hasBeenClosed()) throw error;
        if (attempt === 1) logger.warn('the data cannot be opened now; trying on', { error });
        await new Promise<void>((resolve) => environment.timers.after(OPEN_RETRY_MS, resolve));
      }
    }
  }

  /** Ends a retrying `open`, too. A broker whose disk fails is given up as it is. */
  async close({ leavesSnapshot }: { readonly leavesSnapshot: boolean }): Promise<void> {
    this.#isClosing = true;
    const broker = this.#broker;
    if (broker === undefined) return;
    this.#lastFolded = broker.foldedOffset;
    this.#broker = undefined;
    try {
      await broker.stop({ leavesSnapshot });
    } catch (error) {
      if (!isDiskError(error) && !isStoreError(error)) throw error;
      this.#ports.logger.warn('the data could not be closed in order; it is recovered', { error });
    }
  }

  /** Resolves when nothing of the log is under way any more: what it says of its end is what it is. */
  async settle(): Promise<void> {
    const log = this.#broker?.log;
    if (log === undefined || log.failure !== undefined) return;
    await log.sync().catch((error: unknown) => {
      // Then it has failed, and says so itself.
      if (!isStoreError(error) && !isDiskError(error)) throw error;
    });
  }

  /** Of closed data: everything from `offset` on was never the group's. */
  async rewind(offset: number): Promise<void> {
    const { options, environment, logger, membership } = this.#ports;
    logger.warn('data that the group never had is taken back', { fromOffset: offset });
    this.#lastFolded = 0;
    if (await rewindData(options, environment, offset, membership)) return;
    await wipeData(options, environment);
  }

  #hasBeenClosed(): boolean {
    return this.#isClosing;
  }

  #openOnce(): Promise<Broker> {
    const { options, environment, logger, metrics, advertised } = this.#ports;
    const { membership, configuration } = this.#ports;
    return Broker.open(options, {
      environment,
      metrics,
      logger: logger.child('broker'),
      advertised: formatAddress(advertised),
      membership,
      configuration,
      onIndexDamaged: ({ file, reason }) => {
        void requestIndexRebuild(options.dataDir, environment).finally(() => {
          this.#ports.onFatal(new MqError('store-corrupt', { file, offset: 0, reason }));
        });
      },
    });
  }
}
