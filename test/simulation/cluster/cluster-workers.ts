import type { Environment } from '../../../common/environment/environment.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { World } from '../world.ts';
import type { ClusterClient, Delivery } from './cluster-client.ts';
import type { ClusterLedger, Send } from './cluster-ledger.ts';
import type { ClusterPlan } from './cluster-plan.ts';

export const TOPIC = 't';
export const CONSUMERS = 'g';

const SEND_DEADLINE_MS = 800;
const ASK_DEADLINE_MS = 800;
const INVISIBLE_MS = 1_000;
/** A slow consumer acknowledges when it may be too late: when its time is over, or another master has begun. */
const LATE_MS_MAX = 2_000;
const POLL_MS = 300;
/** A producer gives a message up after so many attempts; what became of it is then unknown. */
const ATTEMPTS_MAX = 12;
const PAUSE_AFTER_FAILURE_MS = 30;

export interface WorkerParts {
  readonly world: World;
  readonly plan: ClusterPlan;
  readonly ledger: ClusterLedger;
  readonly client: ClusterClient;
  readonly environment: Environment;
  readonly random: SeededRandom;
  readonly name: string;
  /** The ledger found something. */
  onFailure(error: unknown): void;
}

/** Addresses at which a client may ask, with the group that it then reaches, if that is certain. */
function entryTo(parts: WorkerParts, group: string): string {
  const { plan, random } = parts;
  const members = plan.groups.find(({ name }) => name === group)?.members ?? [];
  // A NameServer passes a request on to any group, so that only a cluster of one leaves no doubt.
  const isCertain = plan.groups.length === 1;
  return isCertain && random.chance(0.25) ? random.pick(plan.nameServers) : random.pick(members);
}

const sleep = ({ environment }: WorkerParts, ms: number): Promise<void> =>
  new Promise((resolve) => environment.timers.after(ms, resolve));

/** Sends one message after the other, each under one id until it is answered with OK, as official clients do. */
export class Producer {
  readonly #parts: WorkerParts;
  #isStopped = false;
  #isDone = false;
  #count = 0;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#run().catch((error: unknown) => {
      parts.onFailure(error);
    });
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #run(): Promise<void> {
    const { plan, ledger, random, name, world } = this.#parts;
    while (!this.#isStopped) {
      await sleep(this.#parts, random.exponential(plan.sendPauseMeanMs));
      const id = `${name}-${++this.#count}`;
      const body = `${id} ${'x'.repeat(random.pick([0, 10, 60, 300]))}`;
      const send = ledger.asked(id, name, body, world.scheduler.nowMs);
      const group = random.pick(plan.groups).name;
      await this.#send(send, group);
    }
    this.#isDone = true;
  }

  async #send(send: Send, group: string): Promise<void> {
    const { client, ledger, world } = this.#parts;
    send.brokerName = group;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const address = `${entryTo(this.#parts, group)}:8081`;
      const outcome = await client.send(address, TOPIC, send.id, send.body, SEND_DEADLINE_MS);
      if (outcome.isOk) {
        ledger.answered(send, group, outcome.offset, world.scheduler.nowMs);
        // A client that missed the answer sends once more: the same receipt has to come.
        if (!this.#parts.random.chance(0.05)) return;
      }
      await sleep(this.#parts, PAUSE_AFTER_FAILURE_MS);
    }
  }
}

/** Receives, and acknowledges most of what it gets. */
export class Consumer {
  readonly #parts: WorkerParts;
  /** Calls that are under way. */
  readonly #work = new Set<Promise<void>>();
  #isStopped = false;
  /** From the end of the faults on everything is acknowledged. */
  isDiligent = false;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    for (const { name } of parts.plan.groups) this.#begin(this.#run(name));
  }

  /** Resolves when it asks for nothing any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#work);
  }

  #begin(task: Promise<void>): void {
    const work = task
      .catch((error: unknown) => {
        this.#parts.onFailure(error);
      })
      .finally(() => this.#work.delete(work));
    this.#work.add(work);
  }

  async #run(group: string): Promise<void> {
    const { client, ledger, random, world } = this.#parts;
    while (!this.#isStopped) {
      const askedMs = world.scheduler.nowMs;
      const outcome = await client.receive(
        `${entryTo(this.#parts, group)}:8081`,
        {
          topic: TOPIC,
          group: CONSUMERS,
          brokerName: group,
          count: random.pick([1, 4, 32]),
          invisibleMs: INVISIBLE_MS,
          pollMs: POLL_MS,
        },
        POLL_MS + ASK_DEADLINE_MS,
      );
      const messages = outcome.isOk ? outcome.messages : [];
      for (const message of messages) ledger.delivered(CONSUMERS, message, askedMs);
      await this.#acknowledge(group, messages);
      if (messages.length === 0) await sleep(this.#parts, PAUSE_AFTER_FAILURE_MS);
    }
  }

  /** Together, or one after the other. */
  async #acknowledge(group: string, received: readonly Delivery[]): Promise<void> {
    const { random } = this.#parts;
    const messages = received.filter(() => this.isDiligent || random.chance(0.8));
    for (const message of received)
      if (!messages.includes(message) && random.chance(0.5)) this.#acknowledgeLate(group, message);
    if (random.chance(0.7)) await this.#ask(group, messages);
    else for (const message of messages) await this.#ask(group, [message]);
  }

  #acknowledgeLate(group: string, message: Delivery): void {
    const { environment, random } = this.#parts;
    environment.timers.after(random.between(0, LATE_MS_MAX), () => {
      if (!this.#isStopped) this.#begin(this.#ask(group, [message]));
    });
  }

  async #ask(group: string, messages: readonly Delivery[]): Promise<void> {
    if (messages.length === 0) return;
    const { client, ledger, world } = this.#parts;
    const address = `${entryTo(this.#parts, group)}:8081`;
    const handles = messages.map(({ handle }) => handle);
    for (const message of messages) ledger.askedToAcknowledge(message);
    const outcome = await client.ack(address, TOPIC, CONSUMERS, handles, ASK_DEADLINE_MS);
    const acknowledged = outcome.isOk ? outcome.handles : [];
    for (const message of messages)
      if (acknowledged.includes(message.handle))
        ledger.acknowledged(CONSUMERS, message, world.scheduler.nowMs);
  }
}
