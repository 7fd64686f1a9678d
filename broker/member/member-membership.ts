import { MqError } from '../../common/errors/mq-error.ts';
import type { BrokerMembership } from '../broker-membership.ts';
import type { MemberTerm } from './member-term.ts';

/** What the broker of a member is told of the group, whatever the role is at the moment. */
export interface MembershipView extends Pick<
  BrokerMembership,
  'backlog' | 'confirmOffset' | 'isOwnEpoch'
> {
  readonly memberName: string;
  term(): MemberTerm | undefined;
  /** Where the log of the followed master begins; 0 while none is followed. */
  masterStartOffset(): number;
}

export function memberMembership(view: MembershipView): BrokerMembership {
  return {
    backlog: view.backlog,
    confirmOffset: () => view.confirmOffset(),
    isOwnEpoch: (epoch) => view.isOwnEpoch(epoch),
    refusal: () => {
      const term = view.term();
      if (term !== undefined) return term.refusal();
      return new MqError('no-master', { reason: `${view.memberName} is a slave` });
    },
    mayAnswer: () => view.term()?.mayAnswer() ?? false,
    mayDeliver: () => view.term()?.mayDeliver() ?? false,
    keepFrom: () => {
      const term = view.term();
      if (term === undefined) return view.masterStartOffset();
      return term.phase === 'promoting' ? 0 : undefined;
    },
  };
}
