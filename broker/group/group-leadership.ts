import type { ConsumerGroupConfig } from '../../common/model/consumer-group.ts';
import type { GroupMember } from '../../common/model/broker-group.ts';
import type { TopicConfig } from '../../common/model/topic.ts';
import type { BrokerAccess } from '../../gateway/broker-access.ts';

/** Who is the master of the group, as the member of this process knows it. */
export interface GroupLeadership {
  /** The broker of this process while it is the master and open (the same object for as long); undefined otherwise. */
  local(): BrokerAccess | undefined;
  /** The master as far as it is known, when it is another member. */
  master(): GroupMember | undefined;
  /** Called when either may have changed. Returns the unsubscription. */
  onChange(listener: () => void): () => void;
}

/** Topics and groups up to the confirm offset, which every member has. */
export interface FoldedConfiguration {
  topic(name: string): TopicConfig | undefined;
  group(name: string): ConsumerGroupConfig | undefined;
}
