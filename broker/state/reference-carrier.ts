import type { Environment } from '../../common/environment/environment.ts';
import { NO_STAMP } from '../../common/model/record-stamp.ts';
import { DLQ_PREFIX } from '../../common/model/topic.ts';
import { RecordType } from '../store/record-type.ts';
import type { BrokerState } from './broker-state.ts';
import type { CommitPipeline } from './commit-pipeline.ts';
import type { MessageLocator } from './message-locator.ts';
import type { MessageReader } from './message-reader.ts';
import {
  MESSAGE_FIXED_BYTES,
  readStoredParts,
  writeCarriedStamp,
  writeMessageFixed,
} from './payload/message-record.ts';
import { indexDamaged } from './index-damaged.ts';
import type { Topic } from './topic-table.ts';

export interface ReferenceCarrierPorts {
  readonly state: BrokerState;
  readonly pipeline: CommitPipeline;
  readonly locator: MessageLocator;
  readonly reader: MessageReader;
  readonly environment: Environment;
}

/** Messages carried before the log is waited for: bounds what a round adds to it at once. */
const CARRY_BATCH = 64;

interface Place {
  readonly topic: Topic;
  readonly queueId: number;
  readonly offset: number;
}

/**
 * Before segments are deleted, copies to the end of the log what something still refers to: messages that wait for
 * redelivery, and dead letters, whose own entries may be younger than the message.
 */
export class ReferenceCarrier {
  readonly #ports: ReferenceCarrierPorts;

  constructor(ports: ReferenceCarrierPorts) {
    this.#ports = ports;
  }

  /** Resolves when nothing that was referred to lies below `end` any more, with how much had to be carried. */
  async carryBelow(end: number): Promise<number> {
    const { pipeline } = this.#ports;
    let carried = 0;
    for (const place of [...this.#pendingPlaces()])
      carried += await this.#carry(place, end, carried);
    for (const topic of [...this.#ports.state.topics.all()]) {
      if (!topic.config.name.startsWith(DLQ_PREFIX)) continue;
      carried += await this.#carryTopic(topic, end, carried);
    }
    await pipeline.whenFolded();
    return carried;
  }

  /** Forgets relocated messages that nobody waits for any more and that their queue has left behind. */
  forgetFinished(): void {
    const { state } = this.#ports;
    const needed = new Set<string>();
    for (const { topic, queueId, offset } of this.#pendingPlaces()) {
      needed.add(`${topic.queueNos[queueId] ?? -1}/${offset}`);
    }
    for (const { queueNo, offset } of [...state.relocations.all()]) {
      const isListed = offset >= state.index.minOffset(queueNo);
      if (!isListed && !needed.has(`${queueNo}/${offset}`))
        state.relocations.delete(queueNo, offset);
    }
  }

  *#pendingPlaces(): Generator<Place> {
    for (const group of this.#ports.state.groups.all()) {
      for (const { topic, queues } of group.topics.values()) {
        for (const queue of queues) {
          for (const { offset } of queue.allPending())
            yield { topic, queueId: queue.queueId, offset };
        }
      }
    }
  }

  async #carryTopic(topic: Topic, end: number, carriedBefore: number): Promise<number> {
    const { index } = this.#ports.state;
    let carried = 0;
    for (const [queueId, queueNo] of topic.queueNos.entries()) {
      const last = index.endOffset(queueNo);
      // Entries below the deleted range go with it: only younger entries with an older message are at stake.
      const first = await index.offsetAtOrAfter(queueNo, end);
      if (typeof first !== 'number') throw indexDamaged(first);
      for (let offset = first; offset < last; offset++) {
        carried += await this.#carry({ topic, queueId, offset }, end, carriedBefore + carried);
      }
    }
    return carried;
  }

  async #carry(place: Place, end: number, carriedBefore: number): Promise<number> {
    const { pipeline, reader, locator } = this.#ports;
    const queueNo = place.topic.queueNos[place.queueId];
    if (queueNo === undefined) return 0;
    const target = await locator.target(queueNo, place.offset);
    if (target === undefined || target.physical >= end) return 0;
    const record = await reader.record(target);
    const stamp = (await locator.stamp(queueNo, place.offset)) ?? NO_STAMP;
    const { buffer, headStart, headEnd, systemStart, systemEnd } = readStoredParts(
      record.buffer,
      record.payloadStart,
    );
    const bytes = MESSAGE_FIXED_BYTES + (headEnd - headStart) + (systemEnd - systemStart);
    pipeline.append(RecordType.Carry, bytes, (into, at) => {
      const { topic, queueId, offset: queueOffset } = place;
      const fields = {
        topicId: topic.id,
        queueId,
        queueOffset,
        tagHash: target.tagHash,
        idHashHigh: 0,
        idHashLow: 0,
      };
      writeMessageFixed(into, at, fields, headEnd - headStart, systemEnd - systemStart);
      writeCarriedStamp(into, at, stamp);
      buffer.copy(into, at + MESSAGE_FIXED_BYTES, headStart, systemEnd);
    });
    if (carriedBefore % CARRY_BATCH === CARRY_BATCH - 1) await pipeline.whenFolded();
    return 1;
  }
}
