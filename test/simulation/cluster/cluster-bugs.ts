import { Broker } from '../../../broker/broker.ts';
import { BrokerMember } from '../../../broker/member/broker-member.ts';
import type { BrokerMembership } from '../../../broker/broker-membership.ts';
import type { BrokerPorts } from '../../../broker/broker-parts.ts';
import { ReceiptBook } from '../../../broker/consume/receipt-book.ts';
import { SyncState } from '../../../broker/ha/core/sync-state.ts';
import type { DecodedReceipt } from '../../../common/model/receipt-handle.ts';
import { NO_STAMP } from '../../../common/model/record-stamp.ts';
import type { RevokeOrder } from '../../../common/model/member-orders.ts';
import type { StoredGroup } from '../../../operator/failover/group-store.ts';
import { replace } from '../replace-method.ts';
import type { World } from '../world.ts';
import type { PlanWishes } from './cluster-plan.ts';
import { SimGroupStore } from './sim-group-store.ts';
import { readsStale } from './stale-controller.ts';

/** Ways to break what a failover rests on, each of which the checks must notice. */
export const CLUSTER_BUGS = [
  'counts-a-new-member-only-when-the-larger-set-is-told',
  'stops-counting-a-member-before-the-smaller-set-is-stored',
  'elects-outside-of-the-set',
  'checks-no-epoch-after-a-revocation',
  'reads-a-stale-record',
  'decides-by-a-stale-record',
  'measures-the-lease-from-the-answer',
  'folds-beyond-the-confirm-offset',
  'asks-no-receipt-which-message-it-is-for',
] as const;
export type ClusterBug = (typeof CLUSTER_BUGS)[number];

/** The chain of faults that shows it; and with which replication it can show at all. */
export function wishesOf(bug: ClusterBug): PlanWishes {
  const common = { members: 3, groups: 1, minInSyncReplicas: 1, decisiveProbability: 0 };
  const sync = { ...common, replication: 'sync' as const };
  // With sync replication every member of the set has what is acknowledged, whoever forgets which epoch it is.
  const async = { ...common, replication: 'async' as const };
  switch (bug) {
    case 'counts-a-new-member-only-when-the-larger-set-is-told':
      return { ...sync, plots: ['untold-growth'] };
    case 'stops-counting-a-member-before-the-smaller-set-is-stored':
      return { ...sync, plots: ['unstored-wish'] };
    case 'elects-outside-of-the-set':
      return { ...sync, plots: ['lonely-master'] };
    case 'checks-no-epoch-after-a-revocation':
      return { ...async, plots: ['unheard-revocation'] };
    case 'reads-a-stale-record':
    case 'decides-by-a-stale-record':
      return { ...sync, controllers: 2, plots: ['unseen-shrinking'] };
    case 'measures-the-lease-from-the-answer':
      return { ...async, plots: ['late-answers'] };
    case 'folds-beyond-the-confirm-offset':
      return { ...sync, plots: ['torn-tail'] };
    case 'asks-no-receipt-which-message-it-is-for':
      return { ...async, plots: ['torn-tail'] };
  }
}

/** Plants the bug; the result takes it out again. */
export function plantClusterBug(bug: ClusterBug, world: World): () => void {
  switch (bug) {
    case 'counts-a-new-member-only-when-the-larger-set-is-told':
      return confirmsBy((state) => state.terms.syncStateSet);
    case 'stops-counting-a-member-before-the-smaller-set-is-stored':
      return confirmsByWhatIsWanted();
    case 'elects-outside-of-the-set':
      return replace(SimGroupStore.prototype, 'read', (read) => async (name) => {
        const stored = (await read(name)) as StoredGroup | undefined;
        if (stored === undefined) return undefined;
        const { record } = stored;
        const syncStateSet = record.spec.members.map(({ name }) => name);
        const isElecting = record.phase === 'revoking' && record.syncStateSet.length > 0;
        return isElecting ? { ...stored, record: { ...record, syncStateSet } } : stored;
      });
    case 'checks-no-epoch-after-a-revocation':
      return replace(BrokerMember.prototype, 'revoke', (_revoke, member) => async (order) => {
        const { epoch } = order as RevokeOrder;
        const status = { ...(member as BrokerMember).status(), acceptedEpoch: epoch };
        return { isAccepted: true, status };
      });
    case 'reads-a-stale-record':
      return readsStale(world, false);
    case 'decides-by-a-stale-record':
      return readsStale(world, true);
    case 'measures-the-lease-from-the-answer':
      return replace(BrokerMember.prototype, 'leaseGranted', (granted) => (index) => {
        granted(index, monotonicMs(world));
      });
    case 'folds-beyond-the-confirm-offset':
      return foldsEverything();
    case 'asks-no-receipt-which-message-it-is-for':
      return replace(ReceiptBook.prototype, 'decode', (decode) => (text) => {
        const decoded = decode(text) as DecodedReceipt;
        return decoded.ok
          ? { ...decoded, handle: { ...decoded.handle, stamp: NO_STAMP } }
          : decoded;
      });
  }
}

/** A master that counts other members than it should. */
function confirmsBy(counted: (state: SyncState) => readonly string[]): () => void {
  const reached = new WeakMap<object, number>();
  return replace(SyncState.prototype, 'confirmOffset', (_confirm, self) => (ownEnd) => {
    const state = self as SyncState;
    const others = state.followers(0, 0).map(({ memberName }) => memberName);
    const acks = counted(state)
      .filter((name) => others.includes(name))
      .map((name) => state.ackedOffset(name));
    const offset = Math.max(reached.get(state) ?? 0, Math.min(ownEnd as number, ...acks));
    reached.set(state, offset);
    return offset;
  });
}

function confirmsByWhatIsWanted(): () => void {
  const wanted = new WeakMap<object, readonly string[]>();
  const ends = [
    replace(SyncState.prototype, 'wantedSet', (wantedSet, self) => (...args) => {
      const set = wantedSet(...args) as readonly string[] | undefined;
      wanted.set(self as object, set ?? (self as SyncState).terms.syncStateSet);
      return set;
    }),
    confirmsBy((state) => wanted.get(state) ?? state.terms.syncStateSet),
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** On slaves: whatever they have written takes effect. */
function foldsEverything(): () => void {
  return replace(Broker, 'open', (open) => async (options, given) => {
    const ports = given as BrokerPorts;
    const { membership } = ports;
    if (membership === undefined) return open(options, ports);
    const opened: { broker: Broker | undefined } = { broker: undefined };
    const eager: BrokerMembership = {
      ...membership,
      confirmOffset: () => {
        const offset = membership.confirmOffset();
        const isSlave = membership.refusal()?.code === 'no-master';
        return isSlave ? Math.max(offset, opened.broker?.log.writtenOffset ?? 0) : offset;
      },
    };
    opened.broker = (await open(options, { ...ports, membership: eager })) as Broker;
    return opened.broker;
  });
}

function monotonicMs(world: World): number {
  const name = world.scheduler.owner?.name;
  return world.nodes.find((node) => node.name === name)?.clock.monotonicMs() ?? 0;
}
