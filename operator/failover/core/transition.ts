/** Changes of master: the one under way, and those that are over, with their times. */
import type { Epoch } from '../../../common/model/offsets.ts';

/** `resume`: the master goes on as before. `revoke`: it is deposed without its help. */
export type OnHandOverFailure = 'resume' | 'revoke';

export interface TransitionPhase {
  readonly name: 'detected' | 'handed-over' | 'revoked' | 'elected' | 'promoted' | 'open';
  readonly durationMs: number;
}

export interface OpenTransition {
  readonly reason: string;
  /** Why it began, as a word for metrics. */
  readonly cause: TransitionCause;
  readonly oldEpoch: Epoch;
  /** Empty at the first election. */
  readonly oldMaster: string;
  /** Who should become the master; empty: whoever has most. */
  readonly target: string;
  readonly onFailure: OnHandOverFailure;
  /** Wall clock, like all times here: another controller may go on with it. */
  readonly startedAtMs: number;
  /** When the phase began that is under way. */
  readonly phaseAtMs: number;
  readonly phases: readonly TransitionPhase[];
  /** Of the winner, once there is one. */
  readonly logEndOffset: number;
  readonly isUnclean: boolean;
  readonly lostBytesMax: number;
}

export const TRANSITION_CAUSES = [
  ...(['first-election', 'process-ended', 'restarted', 'resigned', 'silent', 'stopped'] as const),
  ...(['switchover', 'fenced', 'unfenced', 'removed', 'unfit', 'promotion-failed'] as const),
] as const;
export type TransitionCause = (typeof TRANSITION_CAUSES)[number];

export interface Transition {
  readonly reason: string;
  readonly cause: TransitionCause;
  readonly oldEpoch: Epoch;
  readonly newEpoch: Epoch;
  readonly oldMaster: string;
  /** The old one when a hand-over was given up. */
  readonly newMaster: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly phases: readonly TransitionPhase[];
  readonly logEndOffset: number;
  readonly isUnclean: boolean;
  /** Bytes that the old master may have acknowledged and the new one does not have; -1: not known. */
  readonly lostBytesMax: number;
}

/** Ends the phase under way. Wall clocks may jump: a time is never below zero. */
export function endPhase(
  transition: OpenTransition,
  name: TransitionPhase['name'],
  nowMs: number,
): OpenTransition {
  const durationMs = Math.max(0, nowMs - transition.phaseAtMs);
  return {
    ...transition,
    phaseAtMs: nowMs,
    phases: [...transition.phases, { name, durationMs }],
  };
}

export function finished(
  open: OpenTransition,
  newMaster: string,
  newEpoch: Epoch,
  nowMs: number,
): Transition {
  const { reason, cause, oldEpoch, oldMaster, startedAtMs, phases } = open;
  const { logEndOffset, isUnclean, lostBytesMax } = open;
  return {
    ...{ reason, cause, oldEpoch, newEpoch, oldMaster, newMaster, startedAtMs, phases },
    ...{ logEndOffset, isUnclean, lostBytesMax },
    durationMs: Math.max(0, nowMs - startedAtMs),
  };
}
