/** What a NameServer has heard of the members of broker groups, as the failover controller asks for it. */

/** A member as one NameServer has heard it. */
export interface HeardMember {
  readonly brokerName: string;
  /** Empty for a group without other members. */
  readonly memberName: string;
  readonly runId: string;
  readonly epoch: number;
  readonly isSlave: boolean;
  readonly memberAddress: { readonly host: string; readonly port: number };
  /** Since its last report that was taken, on the NameServer's clock. */
  readonly silentMs: number;
  /** Its stream is open. */
  readonly isConnected: boolean;
  /** It said goodbye. */
  readonly isGone: boolean;
  readonly logEndOffset: number;
  readonly confirmOffset: number;
}

export interface HeardMembers {
  readonly nameServerRunId: string;
  /** How long the NameServer has run: silence says nothing before one expiry has passed. */
  readonly upMs: number;
  readonly heartbeatExpiryMs: number;
  readonly members: readonly HeardMember[];
}

/** The answer to the order that from now on no master of a lower epoch is to be heard. */
export interface EpochRevocation {
  /** False: a higher epoch is known, or there is no room for another group. */
  readonly isAccepted: boolean;
  /** Highest epoch known for the group. */
  readonly epoch: number;
  readonly nameServerRunId: string;
  readonly upMs: number;
  /** Since the last report that was taken from a master with a lower epoch; undefined: none in this run. */
  readonly silentMs: number | undefined;
}
