import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ClusterCommand } from '../support/cluster-command.ts';
import { ClientDriver, ClientFailure } from './client-driver.ts';
import { buildDriver, CLIENTS, reasonToSkip, type ClientUnderTest } from './clients.ts';

/** Official clients at a cluster of real processes whose master is killed, and later replaced in good order, under load. */

/** Two that share no code; role-change.test.ts has every language, without the processes. */
const RIDERS: readonly ClientUnderTest[] = [CLIENTS.node, CLIENTS.go];
const SETUP_TIMEOUT_MS = 16 * 60_000;
const STEADY_MS = 1_500;
const PAUSE_MS = 10;
/** For clients that count in seconds. */
const POLL_MS = 2_000;
/** So that what was in an answer that was cut off comes again within the test. */
const INVISIBLE_MS = 15_000;
const START_ATTEMPTS_MAX = 2;

/** One producer and one consumer of a driver, which are never started anew. */
class Ride {
  readonly sent: string[] = [];
  readonly received = new Set<string>();
  readonly sendFailures: string[] = [];
  /** Receives and acknowledgements are not repeated by all client libraries; what they missed comes again. */
  readonly receiveFailures: string[] = [];
  readonly #driver: ClientDriver;
  readonly #topic: string;
  #producing: Promise<void> = Promise.resolve();
  #consuming: Promise<void> = Promise.resolve();
  #isSending = true;
  #isReceiving = true;

  constructor(driver: ClientDriver, topic: string) {
    this.#driver = driver;
    this.#topic = topic;
  }

  async start(endpoint: string): Promise<void> {
    const target = { endpoint, topic: this.#topic };
    const group = `${this.#topic}-group`;
    const consumer = await this.#retried(() =>
      this.#driver.call('startSimpleConsumer', {
        ...{ ...target, group, filter: '*', awaitMs: POLL_MS },
      }),
    );
    const producer = await this.#retried(() => this.#driver.call('startProducer', target));
    this.#consuming = this.#consume(consumer.handle);
    this.#producing = this.#produce(producer.handle);
  }

  async finish(timeoutMs: number): Promise<void> {
    this.#isSending = false;
    await this.#producing;
    const end = performance.now() + timeoutMs;
    while (this.missing.length > 0 && performance.now() < end) await sleep(PAUSE_MS);
    await this.stop();
  }

  async stop(): Promise<void> {
    this.#isSending = false;
    this.#isReceiving = false;
    await Promise.allSettled([this.#producing, this.#consuming]);
  }

  get missing(): readonly string[] {
    return this.sent.filter((text) => !this.received.has(text));
  }

  async #produce(handle: string): Promise<void> {
    for (let number = 0; this.#isSending; number++) {
      const text = `m${number}`;
      const body = Buffer.from(text).toString('base64');
      try {
        await this.#driver.call('send', { handle, message: { topic: this.#topic, body } });
        this.sent.push(text);
      } catch (error) {
        note(this.sendFailures, error);
      }
      await sleep(PAUSE_MS);
    }
  }

  async #consume(handle: string): Promise<void> {
    while (this.#isReceiving) {
      try {
        const args = { handle, max: 16, invisibleMs: INVISIBLE_MS };
        const { messages } = await this.#driver.call('receive', args);
        for (const { body, ref } of messages) {
          this.received.add(Buffer.from(body, 'base64').toString());
          await this.#driver.call('ack', { ref });
        }
      } catch (error) {
        note(this.receiveFailures, error);
        await sleep(PAUSE_MS);
      }
    }
  }

  async #retried<Result>(start: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await start();
      } catch (error) {
        if (!(error instanceof ClientFailure) || attempt >= START_ATTEMPTS_MAX) throw error;
      }
    }
  }
}

/** Only what the client library reported: a driver that has ended is no outcome. */
function note(failures: string[], error: unknown): void {
  if (!(error instanceof ClientFailure)) throw error;
  failures.push(error.message);
}

describe('a cluster of real processes', () => {
  let cluster: ClusterCommand;

  beforeAll(async () => {
    cluster = await ClusterCommand.start({ ORBITMQ_GROUP_START_POSITION: 'earliest' });
  }, SETUP_TIMEOUT_MS);

  afterAll(() => cluster.stop(), SETUP_TIMEOUT_MS);

  async function rideThrough(client: ClientUnderTest): Promise<void> {
    buildDriver(client);
    const driver = new ClientDriver(client.command(), {});
    const ride = new Ride(driver, `ride-${client.name}`);
    try {
      const before = await cluster.whole(0);
      await ride.start(cluster.endpoint.split(/[,;]/).at(-1) ?? '');
      await sleep(STEADY_MS);
      await cluster.run('cluster', 'kill', before.master);
      const killed = await cluster.whole(before.epoch);
      await sleep(STEADY_MS);
      await cluster.run('cluster', 'switchover', 'broker-a');
      const switched = await cluster.whole(killed.epoch);
      await sleep(STEADY_MS);
      await ride.finish(2 * INVISIBLE_MS);
      expect(killed.master).not.toBe(before.master);
      expect(switched.master).not.toBe(killed.master);
      expect({ missing: ride.missing, failed: ride.sendFailures }).toEqual({
        ...{ missing: [], failed: [] },
      });
      expect(ride.sent.length).toBeGreaterThan(50);
    } catch (error) {
      const notes = `\nreceives: ${ride.receiveFailures.join('; ')}\nclient: ${driver.log.slice(-3_000)}`;
      throw cluster.explained(new Error(`${(error as Error).message}${notes}`, { cause: error }));
    } finally {
      await ride.stop();
      await driver.close();
    }
  }

  for (const client of RIDERS) {
    const skipped = reasonToSkip(client);
    const claim = `keeps the ${client.name} client (${client.version}) going when its master is killed and when it is switched: no send fails, nothing is lost`;
    if (skipped === undefined) it(claim, () => rideThrough(client), SETUP_TIMEOUT_MS);
    else it.skip(`${claim}: ${skipped}`, () => undefined);
  }
});
