/** Tells in the log what becomes of a group, one line for each change of its record. */
import type { LogFields, Logger } from '../../common/log/logger.ts';
import type { GroupRecord } from './core/group-record.ts';

export function tellChange(
  logger: Logger,
  before: GroupRecord | undefined,
  after: GroupRecord,
  why: string,
): void {
  const { epoch, phase, setVersion } = after;
  const syncStateSet = after.syncStateSet.join(',');
  const master = after.master?.name ?? '';
  const facts = { epoch, why };
  if (before?.phase === phase && before.epoch === epoch) {
    tellWithinPhase(logger, before, after, { ...facts, master, syncStateSet, setVersion });
    return;
  }
  switch (phase) {
    case 'new':
      logger.info('group is known, and has no master yet', facts);
      return;
    case 'revoking':
    case 'fenced':
    case 'handing-over':
      logger.warn(BEGINNING[phase], { ...facts, oldMaster: master, ...reasonOf(after) });
      return;
    case 'promoting':
      logger.warn('a master is elected', { ...facts, master, syncStateSet });
      return;
    case 'stable':
      tellEnd(logger, after, { ...facts, master, syncStateSet });
      return;
  }
}

const BEGINNING = {
  revoking: 'the epoch of the master is revoked',
  fenced: 'the group is fenced: it has no master until it is unfenced',
  'handing-over': 'the master is asked to hand over',
} as const;

function reasonOf({ transition }: GroupRecord): LogFields {
  return transition === undefined ? {} : { reason: transition.reason, target: transition.target };
}

function tellWithinPhase(
  logger: Logger,
  before: GroupRecord,
  after: GroupRecord,
  facts: LogFields,
): void {
  const { blocked } = after;
  if (blocked !== before.blocked && blocked !== '') {
    logger.warn('the group does not get on', { phase: after.phase, blocked, epoch: after.epoch });
  } else if (blocked !== before.blocked) {
    logger.info('the group gets on again', { phase: after.phase, epoch: after.epoch });
  } else {
    logger.info('the terms of the group have changed', facts);
  }
}

/** Who, why, from where to where, and how long each part took. */
function tellEnd(logger: Logger, after: GroupRecord, facts: LogFields): void {
  const [last] = after.transitions;
  if (last === undefined) return;
  const { reason, oldMaster, newMaster, oldEpoch, newEpoch, durationMs, logEndOffset } = last;
  const phases = last.phases.map(({ name, durationMs: ms }) => `${name} ${ms} ms`).join(', ');
  const story = { ...facts, reason, oldMaster, newMaster, oldEpoch, newEpoch, logEndOffset };
  const fields = { ...story, durationMs, phases, lostBytesMax: last.lostBytesMax };
  if (newEpoch === oldEpoch) logger.warn('the hand-over was given up', fields);
  else if (last.isUnclean) logger.error('UNCLEAN failover: data may be lost', fields);
  else logger.warn('failover is done: the new master serves', fields);
}
