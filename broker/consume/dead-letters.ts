import { deadLetterTopic } from '../../common/model/topic.ts';
import type { BrokerState } from '../state/broker-state.ts';
import type { CommitPipeline } from '../state/commit-pipeline.ts';
import type { GroupTopic } from '../state/group-table.ts';
import type { MessageLocator } from '../state/message-locator.ts';
import { REFERENCE_BYTES, writeReference } from '../state/payload/reference-record.ts';
import { ackBytes, writeAck } from '../state/payload/settlement-record.ts';
import type { TopicAdmin } from '../state/topic-admin.ts';
import { RecordType } from '../store/record-type.ts';
import type { Pending } from './core/queue-progress.ts';

export interface DeadLettersPorts {
  readonly state: BrokerState;
  readonly pipeline: CommitPipeline;
  readonly locator: MessageLocator;
  readonly topics: TopicAdmin;
  /** Called for each message that has been moved. */
  onBuried(group: string, topic: string): void;
}

/** Moves messages that a group could not process to `%DLQ%<group>`: by reference, and atomically with their end there. */
export class DeadLetters {
  readonly #ports: DeadLettersPorts;

  constructor(ports: DeadLettersPorts) {
    this.#ports = ports;
  }

  /** Resolves when the message stands in the dead-letter topic and is finished for the group. */
  async bury(standing: GroupTopic, pending: Pending): Promise<void> {
    const { state, pipeline, locator } = this.#ports;
    const { progress, offset } = pending;
    const group = standing.group.config.name;
    const deadLetters = await this.#ports.topics.ensureSystemTopic(deadLetterTopic(group));
    const located = await locator.target(progress.queueNo, offset);
    if (progress.pending(offset) !== pending) return;
    // Meanwhile it may have been carried forward, and its old place is about to go.
    const found = state.relocations.get(progress.queueNo, offset) ?? located;
    if (found === undefined) {
      await this.#finish(pending);
      return;
    }
    const queueOffset =
      deadLetters.nextOffsets[0] ?? state.index.endOffset(deadLetters.queueNos[0] ?? 0);
    pipeline.append(RecordType.Reference, REFERENCE_BYTES, (buffer, at) => {
      writeReference(buffer, at, {
        topicId: deadLetters.id,
        queueId: 0,
        queueOffset,
        tagHash: found.tagHash,
        targetPhysical: found.physical,
        targetBytes: found.bytes,
        groupId: standing.group.id,
        sourceTopicId: standing.topic.id,
        sourceQueueId: progress.queueId,
        sourceOffset: offset,
        attempts: pending.ended,
      });
    });
    deadLetters.nextOffsets[0] = queueOffset + 1;
    await pipeline.whenFolded();
    this.#ports.onBuried(group, standing.topic.config.name);
  }

  /** Retention has taken the message: there is nothing left to move. */
  async #finish({ progress, offset }: Pending): Promise<void> {
    const { pipeline } = this.#ports;
    pipeline.append(RecordType.Ack, ackBytes(1), (buffer, at) => {
      writeAck(buffer, at, progress, [offset]);
    });
    await pipeline.whenFolded();
  }
}
