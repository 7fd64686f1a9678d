import { MqError } from '../common/errors/mq-error.ts';
import type { Component } from '../common/lifecycle/lifecycle.ts';
import type { RoleContext } from '../common/lifecycle/role-context.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import type { Address } from '../common/options/option-definition.ts';
import { Broker } from './broker.ts';
import { requestIndexRebuild } from './store/index/rebuild-marker.ts';

/** The broker as a part of a node: recovered and open when it has started, drained and flushed when it has stopped. */
export class BrokerComponent implements Component {
  readonly name = 'broker';
  readonly order = 'its data must be recovered before anything can be served';
  readonly #context: RoleContext;
  readonly #advertised: Address;
  readonly #onFatal: (error: unknown) => void;
  #broker: Broker | undefined;

  /** `onFatal` ends the process: what the broker holds in memory can no longer be trusted. */
  constructor(context: RoleContext, advertised: Address, onFatal: (error: unknown) => void) {
    this.#context = context;
    this.#advertised = advertised;
    this.#onFatal = onFatal;
  }

  get broker(): Broker {
    if (this.#broker === undefined)
      throw new MqError('not-ready', { reason: 'it is recovering its data' });
    return this.#broker;
  }

  /** Undefined while messages are taken. */
  notReadyReason(): string | undefined {
    return this.#broker === undefined
      ? 'recovering'
      : this.#broker.services.health.refusal()?.message;
  }

  async start(): Promise<void> {
    const { options, environment, logger, metrics } = this.#context;
    this.#broker = await Broker.open(options, {
      environment,
      metrics,
      logger: logger.child('broker'),
      advertised: formatAddress(this.#advertised),
      onIndexDamaged: ({ file, reason }) => {
        void requestIndexRebuild(options.dataDir, environment).finally(() => {
          this.#onFatal(new MqError('store-corrupt', { file, offset: 0, reason }));
        });
      },
    });
    const { elapsedMs, recordsFolded, foldedFrom } = this.#broker.recovery;
    metrics.collectValue('recoveryDuration', () => elapsedMs / 1_000);
    logger.info('data recovered', {
      directory: options.dataDir,
      elapsedMs: Math.round(elapsedMs),
      recordsFolded,
      foldedFrom,
    });
    await this.#broker.start();
  }

  async stop(): Promise<void> {
    await this.#broker?.stop();
  }
}
