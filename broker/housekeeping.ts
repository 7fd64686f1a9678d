import type { TimerHandle } from '../common/environment/timers.ts';
import type { BrokerServices } from './activity/broker-services.ts';
import type { LagSampler } from './lag-sampler.ts';
import { removeClient } from './activity/register-client.ts';

const ROUND_MS = 1_000;
const FILTER_ROUNDS = 60;
const LAG_ROUNDS = 5;

/** Once a second: clients that have fallen silent; now and then the age of the lag, and filters that nobody uses any more. */
export class Housekeeping {
  readonly #services: BrokerServices;
  readonly #lag: LagSampler;
  readonly #firstStoreTimeMs: () => number | undefined;
  #timer: TimerHandle | undefined;
  #round = 0;

  constructor(
    services: BrokerServices,
    lag: LagSampler,
    firstStoreTimeMs: () => number | undefined,
  ) {
    this.#services = services;
    this.#lag = lag;
    this.#firstStoreTimeMs = firstStoreTimeMs;
  }

  start(): void {
    this.#timer = this.#services.environment.timers.after(ROUND_MS, () => {
      this.#run();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #run(): void {
    for (const clientId of this.#services.clients.silent()) removeClient(this.#services, clientId);
    this.#round++;
    if (this.#round % LAG_ROUNDS === 0) void this.#lag.sample(this.#firstStoreTimeMs);
    if (this.#round % FILTER_ROUNDS === 0) this.#services.subscriptions.forgetUnused();
  }
}
