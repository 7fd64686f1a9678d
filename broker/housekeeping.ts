import type { TimerHandle } from '../common/environment/timers.ts';
import type { BrokerServices } from './activity/broker-services.ts';
import { removeClient } from './activity/register-client.ts';

const ROUND_MS = 1_000;
const FILTER_ROUNDS = 60;

/** Once a second: clients that have fallen silent, and now and then filters that nobody uses any more. */
export class Housekeeping {
  readonly #services: BrokerServices;
  #timer: TimerHandle | undefined;
  #round = 0;

  constructor(services: BrokerServices) {
    this.#services = services;
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
    if (++this.#round % FILTER_ROUNDS === 0) this.#services.subscriptions.forgetUnused();
  }
}
