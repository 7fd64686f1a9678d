import type { TopicConfig } from '../../common/model/topic.ts';
import type { TopicChange } from './payload/change-record.ts';

/** A topic of this broker. Its id and queue numbers are never used again after it is deleted. */
export interface Topic {
  readonly id: number;
  config: TopicConfig;
  /** Number of each queue in the queue index, by queue id. */
  readonly queueNos: number[];
  /**
   * Next offset to hand out per queue id. Runs ahead of the index by what is on its way through the log; set back to the
   * index when the log fails.
   */
  readonly nextOffsets: number[];
  /** Queue that the next message without an order goes to. */
  nextQueue: number;
  /** Records below this log offset are already contained. */
  asOf: number;
}

/** Topics by name and by id, folded from TopicChange records. */
export class TopicTable {
  readonly #byName = new Map<string, Topic>();
  readonly #byId = new Map<number, Topic>();
  #nextId = 1;
  #nextQueueNo = 0;
  #queueCount = 0;

  get count(): number {
    return this.#byId.size;
  }

  /** Queues of all topics. */
  get queueCount(): number {
    return this.#queueCount;
  }

  /** What the next topic and queue will be numbered; part of a snapshot, so that no number is ever used twice. */
  get next(): { topicId: number; queueNo: number } {
    return { topicId: this.#nextId, queueNo: this.#nextQueueNo };
  }

  /** Numbers below are taken. */
  reserveBelow(next: { topicId: number; queueNo: number }): void {
    this.#nextId = Math.max(this.#nextId, next.topicId);
    this.#nextQueueNo = Math.max(this.#nextQueueNo, next.queueNo);
  }

  get(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  byId(id: number): Topic | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Topic> {
    return this.#byId.values();
  }

  /** The change that creates `config`, with ids that nothing has used; several may be on their way at once. */
  planCreate(config: TopicConfig): TopicChange {
    return {
      topicId: this.#nextId++,
      config,
      queueNos: this.#takeQueueNos(config.queueCount),
      created: true,
    };
  }

  planUpdate(topic: Topic, config: TopicConfig): TopicChange {
    const more = this.#takeQueueNos(config.queueCount - topic.queueNos.length);
    return { topicId: topic.id, config, queueNos: [...topic.queueNos, ...more] };
  }

  planDelete(topic: Topic): TopicChange {
    return { topicId: topic.id, config: topic.config, queueNos: topic.queueNos, deleted: true };
  }

  /** Returns the topic as it is after the change, or was before it was removed; undefined when there is no such topic. */
  apply(change: TopicChange, offset: number): Topic | undefined {
    const lastQueueNo = change.queueNos.reduce((last, queueNo) => Math.max(last, queueNo), -1);
    this.reserveBelow({ topicId: change.topicId + 1, queueNo: lastQueueNo + 1 });
    const existing = this.#byId.get(change.topicId);
    if (change.deleted === true) {
      if (existing === undefined) return undefined;
      this.#byId.delete(existing.id);
      this.#queueCount -= existing.queueNos.length;
      if (this.#byName.get(existing.config.name) === existing)
        this.#byName.delete(existing.config.name);
      return existing;
    }
    if (existing === undefined)
      return change.created === true ? this.#add(change, offset) : undefined;
    if (offset < existing.asOf) return existing;
    existing.config = change.config;
    for (let id = existing.queueNos.length; id < change.queueNos.length; id++) {
      existing.queueNos.push(change.queueNos[id] ?? 0);
      existing.nextOffsets.push(0);
      this.#queueCount++;
    }
    return existing;
  }

  #add(change: TopicChange, asOf: number): Topic {
    const topic: Topic = {
      id: change.topicId,
      config: change.config,
      queueNos: [...change.queueNos],
      nextOffsets: change.queueNos.map(() => 0),
      nextQueue: 0,
      asOf,
    };
    this.#byId.set(topic.id, topic);
    this.#queueCount += topic.queueNos.length;
    this.#byName.set(topic.config.name, topic);
    return topic;
  }

  #takeQueueNos(count: number): number[] {
    const first = this.#nextQueueNo;
    this.#nextQueueNo += Math.max(0, count);
    return Array.from({ length: Math.max(0, count) }, (_, i) => first + i);
  }
}
