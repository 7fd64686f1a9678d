import { IdempotenceWindow } from '../../broker/state/idempotence-window.ts';
import { CommitPipeline } from '../../broker/state/commit-pipeline.ts';
import { ReferenceCarrier } from '../../broker/state/reference-carrier.ts';
import { CommitLog } from '../../broker/store/commit-log.ts';
import { RecordType } from '../../broker/store/record-type.ts';
import { replace } from './replace-method.ts';

/** Ways to break the promises of a broker, each of which the ledger must notice. */
export const BROKER_BUGS = [
  'answers-before-the-confirm-offset',
  'skips-the-log-after-a-snapshot',
  'records-no-acknowledgements',
  'forgets-message-ids-at-restart',
  'carries-no-references',
  'publishes-snapshots-before-the-log-is-synced',
] as const;
export type BrokerBug = (typeof BROKER_BUGS)[number];

/** Plants the bug; the result takes it out again. */
export function plant(bug: BrokerBug | undefined): () => void {
  switch (bug) {
    case undefined:
      return () => undefined;
    case 'answers-before-the-confirm-offset':
      return replace(CommitPipeline.prototype, 'whenFolded', () => () => Promise.resolve());
    case 'skips-the-log-after-a-snapshot':
      return replace(
        CommitLog.prototype,
        'scan',
        (scan) => (from, to) => scan(from === 0 ? from : to, to),
      );
    case 'records-no-acknowledgements':
      return replace(
        CommitPipeline.prototype,
        'append',
        (append) =>
          (...args) =>
            args[0] === RecordType.Ack ? 0 : append(...args),
      );
    case 'forgets-message-ids-at-restart':
      return replace(IdempotenceWindow.prototype, 'restore', () => () => undefined);
    case 'carries-no-references':
      return replace(ReferenceCarrier.prototype, 'carryBelow', () => () => Promise.resolve(0));
    case 'publishes-snapshots-before-the-log-is-synced':
      return replace(CommitLog.prototype, 'sync', () => () => Promise.resolve());
  }
}
