/**
 * Taking a broker group out of a cluster: it takes no new messages, consumers finish what it has, then it goes. What is known
 * about how far it is stands in the status of the cluster, so that any operator can go on with it.
 */

/** `running`: nothing is asked of it. `draining`: it goes. `removing`: it may go now. */
export type DrainState = 'running' | 'draining' | 'removing';

export interface DrainProgress {
  /** Messages that some consumer group has still to consume, summed; undefined: it could not be asked. */
  readonly lag: number | undefined;
  /** Topics that still take messages there; undefined: it could not be asked. */
  readonly writableTopics: number | undefined;
}

export interface DrainInput {
  /** The spec still wants the group. */
  readonly isWanted: boolean;
  /** Wall clock; undefined when it does not drain yet. */
  readonly sinceMs: number | undefined;
  readonly nowMs: number;
  readonly timeoutMs: number;
  readonly progress: DrainProgress;
  /** Consecutive looks that found nothing left; kept by whoever looks. */
  readonly quietLooks: number;
  /** No member of it has ever had a role: there is nothing to drain. */
  readonly isUnused: boolean;
}

export interface DrainPlan {
  readonly state: DrainState;
  readonly sinceMs: number | undefined;
  /** Of a group that drains: until when consumers are waited for. */
  readonly untilMs: number | undefined;
  /** Topics are to take no messages there; false: they are to be as elsewhere. */
  readonly isReadOnly: boolean;
  /** For people. */
  readonly message: string;
  /** The time is over, and consumers have not finished. */
  readonly isForced: boolean;
}

/** One look may fall between the last write and its place in a queue. */
export const QUIET_LOOKS_MIN = 2;

export function planDrain(input: DrainInput): DrainPlan {
  const { isWanted, isUnused, nowMs, timeoutMs } = input;
  if (isWanted) {
    const running = { state: 'running', sinceMs: undefined, untilMs: undefined } as const;
    return { ...running, isReadOnly: false, message: '', isForced: false };
  }
  const sinceMs = input.sinceMs ?? nowMs;
  const untilMs = sinceMs + timeoutMs;
  const going = { sinceMs, untilMs, isReadOnly: true } as const;
  if (isUnused) {
    return { ...going, state: 'removing', message: 'it was never used', isForced: false };
  }
  if (isEmpty(input)) {
    return { ...going, state: 'removing', message: 'consumers have it all', isForced: false };
  }
  const left = leftText(input.progress);
  if (nowMs >= untilMs) {
    const message = `the time for consumers is over: ${left}`;
    return { ...going, state: 'removing', message, isForced: true };
  }
  return { ...going, state: 'draining', message: left, isForced: false };
}

/** Nothing can come any more, and consumers have all there was. */
export function isDrained({ lag, writableTopics }: DrainProgress): boolean {
  return lag === 0 && writableTopics === 0;
}

function isEmpty({ progress, quietLooks, sinceMs }: DrainInput): boolean {
  return sinceMs !== undefined && isDrained(progress) && quietLooks >= QUIET_LOOKS_MIN;
}

function leftText({ lag, writableTopics }: DrainProgress): string {
  if (lag === undefined || writableTopics === undefined) return 'it cannot be asked what is left';
  if (writableTopics > 0) return `${writableTopics} topics still take messages`;
  return lag === 0 ? 'nothing is left' : `${lag} messages are left for consumers`;
}
