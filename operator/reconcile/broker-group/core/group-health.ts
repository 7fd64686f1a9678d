/** How a broker group is, as conditions: the answers of the functions that elect, not guesses of our own. */
import type { Explanation } from '../../../failover/core/explain.ts';
import type { GroupRecord } from '../../../failover/core/group-record.ts';
import { isMajority } from '../../../failover/core/observation.ts';

export interface HealthFacts {
  /** Undefined before the group has a record. */
  readonly record: GroupRecord | undefined;
  /** What would happen if the master died now; undefined while that cannot be told. */
  readonly explanation: Explanation | undefined;
  /** NameServers that count, and those of them that answer. */
  readonly nameServers: { readonly all: number; readonly answering: number };
  /** What the master says of itself; undefined while it does not answer. */
  readonly isMasterWritable: boolean | undefined;
  readonly notWritableReason: string;
}

export interface Verdict {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export interface GroupHealth {
  readonly Ready: Verdict;
  readonly FailoverPossible: Verdict;
  readonly AckedDataProtected: Verdict;
  readonly Fenced: Verdict;
}

export function groupHealth(facts: HealthFacts): GroupHealth {
  return {
    Ready: ready(facts),
    FailoverPossible: failoverPossible(facts),
    AckedDataProtected: dataProtected(facts),
    Fenced: fenced(facts),
  };
}

const yes = (reason: string, message = ''): Verdict => ({ status: 'True', reason, message });
const no = (reason: string, message: string): Verdict => ({ status: 'False', reason, message });

function ready(facts: HealthFacts): Verdict {
  const { record } = facts;
  if (record === undefined) return no('Creating', 'no master was elected yet');
  switch (record.phase) {
    case 'new':
      return no('Creating', record.blocked || 'no master was elected yet');
    case 'fenced':
      return no('Fenced', 'the group is fenced');
    case 'revoking':
      return no('NoMaster', record.blocked || 'a master is being elected');
    case 'promoting':
      return no('FailoverRunning', `${record.master?.name ?? ''} becomes master`);
    case 'stable':
    case 'handing-over':
      return serving(record, facts);
  }
}

function serving(
  { phase, master, spec, syncStateSet }: GroupRecord,
  { isMasterWritable, notWritableReason }: HealthFacts,
): Verdict {
  if (syncStateSet.length < spec.minInSyncReplicas) {
    const message = `${syncStateSet.length} in sync, writes need ${spec.minInSyncReplicas}`;
    return no('TooFewInSync', message);
  }
  if (isMasterWritable === false && phase === 'stable') return no('Waiting', notWritableReason);
  return yes('AsSpecified', `${master?.name ?? ''} is master`);
}

function failoverPossible({ record, explanation, nameServers }: HealthFacts): Verdict {
  if (record === undefined) return no('Creating', 'no master was elected yet');
  if (record.spec.members.length === 1) return no('OnlyOneMember', 'the group has one member');
  if (explanation === undefined) {
    return { status: 'Unknown', reason: 'Waiting', message: 'the members were not asked yet' };
  }
  const { winner, blockers, reasons } = explanation;
  if (winner !== '') {
    const { all, answering } = nameServers;
    if (isMajority(answering, all)) return yes('AsSpecified', `${winner} would take over`);
    // An end that the kubelet tells of needs no NameServer. One that nobody tells of, as with its node, needs most of them.
    const message = `${answering} of ${all} NameServers answer: a master that is lost with its node would not be missed`;
    return no('NameServersUnreachable', message);
  }
  const why = [...blockers, ...reasons].join('; ');
  return no('FailoverBlocked', why === '' ? 'nobody could take over' : why);
}

function dataProtected({ record }: HealthFacts): Verdict {
  if (record === undefined) return no('Creating', 'no master was elected yet');
  const { spec, syncStateSet } = record;
  if (spec.members.length === 1) return no('OnlyOneMember', 'the group has one member');
  if (spec.replication === 'async') {
    return no('AsyncReplication', 'messages are acknowledged before a slave has them');
  }
  if (syncStateSet.length < 2) {
    return no('NoSlaveInSync', 'no slave is in sync: messages are on one disk');
  }
  return yes('AllInSync', `${syncStateSet.length} members have what is acknowledged`);
}

function fenced({ record }: HealthFacts): Verdict {
  if (record?.phase === 'fenced') return yes('Fenced', 'the group');
  const names = record?.fencedMembers ?? [];
  return names.length > 0 ? yes('Fenced', names.join(', ')) : no('AsSpecified', '');
}
