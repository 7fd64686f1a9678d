import { Broker } from '../../../broker/broker.ts';
import { BrokerState } from '../../../broker/state/broker-state.ts';
import { CommitPipeline } from '../../../broker/state/commit-pipeline.ts';
import type { LogRecord } from '../../../broker/store/record-codec.ts';
import { replace } from '../replace-method.ts';
import type { World } from '../world.ts';
import type { ClusterLedger } from './cluster-ledger.ts';

/** Reports to the ledger what happens inside of all brokers of a world. */
export class ClusterProbe {
  readonly #world: World;
  readonly #ledger: ClusterLedger;
  readonly #groupOf: ReadonlyMap<string, string>;
  /** The open broker of each node's present life. */
  readonly brokers = new Map<string, Broker>();
  readonly #pipelines = new WeakMap<CommitPipeline, { broker: Broker; master: string }>();
  #lives = new Map<object, number>();
  failure: unknown;

  constructor(world: World, ledger: ClusterLedger, groupOf: ReadonlyMap<string, string>) {
    this.#world = world;
    this.#ledger = ledger;
    this.#groupOf = groupOf;
  }

  /** Returns what takes the probe out again. */
  install(): () => void {
    const ends = [
      replace(Broker, 'open', (open) => async (...args) => {
        const broker = (await open(...args)) as Broker;
        this.#opened(broker);
        return broker;
      }),
      replace(BrokerState.prototype, 'fold', (fold) => (record) => {
        fold(record);
        this.#guard(() => this.#folded(record as LogRecord));
      }),
      replace(CommitPipeline.prototype, 'whenFolded', (whenFolded, pipeline) => async () => {
        const known = this.#pipelines.get(pipeline as CommitPipeline);
        const unfolded = known?.broker.pipeline.unfoldedBytes ?? 0;
        const end = (known?.broker.foldedOffset ?? 0) + unfolded;
        await whenFolded();
        if (known !== undefined && end > 0)
          this.#guard(() => this.#acknowledged(known.master, end));
      }),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  /** The broker that is open on a node, if its life goes on. */
  broker(node: string): Broker | undefined {
    return this.brokers.get(node);
  }

  #opened(broker: Broker): void {
    const process = this.#world.scheduler.owner;
    if (process === undefined) return;
    let life = this.#lives.get(process);
    if (life === undefined) this.#lives.set(process, (life = this.#lives.size + 1));
    this.brokers.set(process.name, broker);
    this.#pipelines.set(broker.pipeline, { broker, master: `${process.name}#${life}` });
  }

  #folded(record: LogRecord): void {
    const node = this.#world.scheduler.owner?.name ?? '';
    const group = this.#groupOf.get(node);
    if (group === undefined) return;
    this.#ledger.group(group).fold(node, record, this.#world.scheduler.nowMs);
  }

  #acknowledged(master: string, end: number): void {
    const group = this.#groupOf.get(master.split('#')[0] ?? '');
    if (group !== undefined)
      this.#ledger.group(group).acknowledged(master, end, this.#world.scheduler.nowMs);
  }

  /** The product must not see what the ledger has to say. */
  #guard(report: () => void): void {
    try {
      report();
    } catch (error) {
      this.failure ??= error;
    }
  }
}
