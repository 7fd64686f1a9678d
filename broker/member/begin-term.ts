import type { Environment } from '../../common/environment/environment.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { GroupTerms } from '../../common/model/broker-group.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import type { Broker } from '../broker.ts';
import { MasterReplication } from '../ha/master-replication.ts';
import type { ReplicaFile } from '../ha/replica-file.ts';
import { MemberTerm } from './member-term.ts';
import { encodeChange, type EpochChange } from '../state/payload/change-record.ts';
import { RecordType } from '../store/record-type.ts';

export interface TermPorts {
  readonly options: NodeOptions;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly memberName: string;
  readonly replica: ReplicaFile;
  readonly broker: Broker;
  /** On the monotonic clock. */
  leaseUntilMs(): number;
  /** When this member last answered another master, on the monotonic clock. */
  readonly followedUntilMs: number;
  onChange(): void;
  onHigherEpoch(epoch: number): void;
}

/** The term of a master whose epoch has been written into the member's file: slaves may connect from now on. */
export function newTerm(terms: GroupTerms, ports: TermPorts): MemberTerm {
  const { options, environment, logger, memberName, replica, broker } = ports;
  const { log } = broker;
  log.setEpoch(terms.epoch);
  const replication: MasterReplication = new MasterReplication(
    {
      ...{ log, environment, logger, options, memberName },
      history: replica.history,
      brokerName: options.brokerName,
      ownEnd: () => log.promisedOffset,
      mayAckAlone: () => term.mayAckAlone(),
      onProgress: () => {
        broker.pipeline.advance();
      },
      onStatus: () => {
        ports.onChange();
      },
      onHigherEpoch: (epoch) => {
        ports.onHigherEpoch(epoch);
      },
    },
    terms,
  );
  const term: MemberTerm = new MemberTerm(terms, {
    replication,
    leaseUntilMs: () => ports.leaseUntilMs(),
    beatMs: options.replicationBeatMs,
    followedUntilMs: ports.followedUntilMs,
    nowMs: () => environment.clock.monotonicMs(),
    onDelivering: () => {
      broker.services.consumption.wakeAll();
    },
  });
  return term;
}

/**
 * Appends the first record of the epoch. Resolves when it is confirmed: then so is everything before it, and every later master
 * has it. Rejects as `whenFolded` does.
 */
export function beginTerm(term: MemberTerm, broker: Broker, memberName: string): Promise<void> {
  const { pipeline, services, log } = broker;
  const receiptKey =
    services.state.receiptKey ?? Buffer.from(services.receipts.key).toString('base64');
  const first: EpochChange = { master: memberName, receiptKey };
  pipeline.appendBytes(RecordType.Epoch, encodeChange(first));
  term.replication.sync.takenOver(log.endOffset);
  return pipeline.whenFolded();
}
