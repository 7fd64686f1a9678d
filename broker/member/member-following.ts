import type { Environment } from '../../common/environment/environment.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { GroupMember } from '../../common/model/broker-group.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import type { Address } from '../../common/options/option-definition.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import type { Broker } from '../broker.ts';
import type { ReplicaFile } from '../ha/replica-file.ts';
import { SlaveReplication } from '../ha/slave-replication.ts';

export interface MemberFollowingPorts {
  readonly options: NodeOptions;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly memberName: string;
  readonly runId: string;
  readonly replica: ReplicaFile;
  readonly broker: Broker;
  readonly master: GroupMember;
  readonly epoch: number;
  connect(member: Address): RpcChannel;
  onChange(): void;
  /** The logs part below what has been folded; the stream has stopped. */
  mustRewind(commonOffset: number): void;
  /** The master's log does not reach back to ours; the stream has stopped. */
  mustInstallSnapshot(): void;
}

/** A slave of one master in one epoch: the stream, and what the master says of the log over it. */
export class MemberFollowing {
  readonly epoch: number;
  readonly master: GroupMember;
  readonly slave: SlaveReplication;
  /** What may be folded. What a master before had confirmed may reach beyond what this one has, so it begins anew. */
  confirmOffset: number;
  /** Where the master's log begins. */
  masterStartOffset: number;
  /** Why it does not follow, as far as that is known here. */
  trouble = '';

  constructor(ports: MemberFollowingPorts) {
    const { broker, epoch, master } = ports;
    this.epoch = epoch;
    this.master = master;
    this.confirmOffset = broker.foldedOffset;
    this.masterStartOffset = broker.log.startOffset;
    this.slave = new SlaveReplication(this.#slavePorts(ports), epoch);
  }

  #slavePorts(ports: MemberFollowingPorts): ConstructorParameters<typeof SlaveReplication>[0] {
    const { options, broker, master, memberName, runId, replica, environment, logger } = ports;
    const { log } = broker;
    return {
      ...{ log, replica, environment, logger, options, memberName, runId },
      brokerName: options.brokerName,
      foldedOffset: () => broker.foldedOffset,
      ackOffset: () => log.promisedOffset,
      connect: () => ports.connect(master.address),
      listener: {
        confirmed: (confirmOffset, masterStart) => {
          this.confirmOffset = Math.max(this.confirmOffset, confirmOffset);
          this.masterStartOffset = masterStart;
          broker.pipeline.advance();
        },
        following: () => {
          ports.onChange();
        },
        mustRewind: (commonOffset) => {
          ports.mustRewind(commonOffset);
        },
        mustInstallSnapshot: () => {
          ports.mustInstallSnapshot();
        },
        higherEpoch: (higher) => {
          this.trouble = `the master that it was told of has been replaced: epoch ${higher}`;
          ports.onChange();
        },
      },
    };
  }
}
