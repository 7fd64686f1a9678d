import type { MqError } from '../common/errors/mq-error.ts';
import type { BacklogPeer } from './state/backlog-reader.ts';

/**
 * What being a member of a replicated group adds to a broker. Without it the broker is a group of its own: whatever its log
 * holds is confirmed as soon as its own disk has it, and it takes writes from the start.
 */
export interface BrokerMembership {
  /** How far the log is confirmed, as the master computes it or tells its slaves; may lie beyond what is written here. */
  confirmOffset(): number;
  /** Whether this member was the master of that epoch: only then its records speak of this disk. */
  isOwnEpoch(epoch: number): boolean;
  /** Why writes are refused although the store would take them; undefined while they are taken. */
  refusal(): MqError | undefined;
  /** Whether it may be said that something has effect: false once another member may have become the master unheard. */
  mayAnswer(): boolean;
  /** Whether messages may be handed out: false once another member may have become the master unheard. */
  mayDeliver(): boolean;
  /** In-sync slaves, which have the same old records as a master. */
  readonly backlog: BacklogPeer;
  /** Where the master's log begins: a slave keeps no more than that. Undefined on a master, which decides itself. */
  keepFrom(): number | undefined;
}
