import type { Clock } from '../../common/environment/clock.ts';
import type { Random } from '../../common/environment/random.ts';
import type { Timers } from '../../common/environment/timers.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Metrics } from '../../common/metrics/metrics.ts';
import type { KubernetesObject } from '../api/object-meta.ts';
import { TokenBucket } from './core/token-bucket.ts';
import type { KubeClient } from './kube-client.ts';
import { isKubeError } from './kube-error.ts';
import { RESOURCES, type KubeEvent } from './resource.ts';

export interface EventRecorderPorts {
  readonly client: Pick<KubeClient, 'create' | 'mergePatch'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Who reports, for people: `orbitmq-operator` and the pod. */
  readonly component: string;
  readonly instance: string;
}

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
}

interface Known {
  event: KubeEvent;
  /** Whether it is in the cluster, with an earlier count perhaps. */
  isWritten: boolean;
}

/** Different events that are remembered, so that a repetition raises a count. */
const KNOWN_MAX = 1_000;
/** Events that wait to be written; more are dropped and counted. */
const WAITING_MAX = 200;
/** How often one object may speak: as client-go allows it. */
const RATE = { perSecond: 1 / 300, burst: 25 };
/** The API server refuses longer ones. */
const MESSAGE_CHARACTERS_MAX = 1_000;
/** How long stopping waits for a slow server. */
const STOP_GRACE_MS = 2_000;
/** Leaves room for what makes the name of the event unique. */
const NAME_CHARACTERS_MAX = 200;
/** The server forgets events after an hour. */
const REPETITION_MS = 50 * 60_000;

/**
 * Writes events for people (`kubectl describe`). What repeats is one event with a count. It never waits, never throws, and
 * never fails who calls it: an event that cannot be written is counted and forgotten.
 */
export class EventRecorder {
  readonly #ports: EventRecorderPorts;
  readonly #known = new Map<string, Known>();
  readonly #rates = new Map<string, TokenBucket>();
  readonly #waiting = new Map<string, Known>();
  readonly #stop = new AbortController();
  #writing: Promise<void> | undefined;

  constructor(ports: EventRecorderPorts) {
    this.#ports = ports;
  }

  record(object: KubernetesObject, text: EventText): void {
    if (this.#stop.signal.aborted) return;
    const id = JSON.stringify([object.metadata.uid ?? '', text.type, text.reason, text.message]);
    if (!this.#mayWrite(object, id)) {
      this.#count('dropped');
      return;
    }
    const known = this.#repeated(id) ?? this.#fresh(object, text);
    this.#known.delete(id); // so that the oldest one stands first
    this.#known.set(id, known);
    this.#waiting.set(id, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Writes what waits, for as long as the grace allows; drops the rest. */
  async stop(): Promise<void> {
    const grace = this.#ports.timers.after(STOP_GRACE_MS, () => this.#stop.abort());
    await this.#writing;
    grace.cancel();
    this.#stop.abort();
  }

  #mayWrite(object: KubernetesObject, id: string): boolean {
    if (this.#waiting.size >= WAITING_MAX && !this.#waiting.has(id)) return false;
    const uid = object.metadata.uid ?? object.metadata.name;
    const rate = this.#rates.get(uid) ?? new TokenBucket(RATE);
    this.#rates.delete(uid);
    this.#rates.set(uid, rate);
    const [oldest] = this.#rates.keys();
    if (this.#rates.size > KNOWN_MAX && oldest !== undefined) this.#rates.delete(oldest);
    return rate.tryTake(this.#ports.clock.monotonicMs());
  }

  #repeated(id: string): Known | undefined {
    const known = this.#known.get(id);
    if (known === undefined) return undefined;
    const nowMs = this.#ports.clock.nowMs();
    if (nowMs - Date.parse(known.event.lastTimestamp) > REPETITION_MS) return undefined;
    const { event } = known;
    known.event = { ...event, count: event.count + 1, lastTimestamp: seconds(nowMs) };
    return known;
  }

  #fresh({ apiVersion, kind, metadata }: KubernetesObject, text: EventText): Known {
    const { clock, random, component, instance } = this.#ports;
    const now = seconds(clock.nowMs());
    const { name, namespace, uid, resourceVersion } = metadata;
    const event: KubeEvent = {
      apiVersion: RESOURCES.events.apiVersion,
      kind: RESOURCES.events.kind,
      // Of what is in no namespace, events stand in this one.
      metadata: {
        name: `${name.slice(0, NAME_CHARACTERS_MAX)}.${random.bytes(8).toString('hex')}`,
        namespace: namespace ?? 'default',
      },
      involvedObject: {
        apiVersion,
        kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      ...text,
      message: text.message.slice(0, MESSAGE_CHARACTERS_MAX),
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
    };
    return { event, isWritten: false };
  }

  /** One after the other. Never rejects. */
  async #write(): Promise<void> {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      const [id, known] = next;
      this.#waiting.delete(id);
      try {
        await this.#writeOne(known);
        this.#count('written');
      } catch (error) {
        this.#count('failed');
        this.#known.delete(id);
        const { reason } = known.event;
        this.#ports.logger.debug('an event could not be written', { reason, error });
      }
    }
  }

  async #writeOne(known: Known): Promise<void> {
    const { client } = this.#ports;
    const { event } = known;
    const options = { signal: this.#stop.signal };
    if (known.isWritten) {
      const { count, lastTimestamp } = event;
      try {
        await client.mergePatch(
          RESOURCES.events,
          event.metadata,
          { count, lastTimestamp },
          options,
        );
        return;
      } catch (error) {
        // The server has forgotten it: it is written anew.
        if (!isKubeError(error, 'not-found')) throw error;
      }
    }
    await client.create(RESOURCES.events, event, options);
    known.isWritten = true;
  }

  #count(result: string): void {
    this.#ports.metrics.counter('kubeRecordedEvents').cell({ result }).add();
  }
}

/** RFC 3339 without fractions, as meta/v1 Time is. */
function seconds(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
}
