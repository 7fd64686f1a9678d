import type { Clock } from '../../common/environment/clock.ts';
import type { Timers } from '../../common/environment/timers.ts';
import { MqError } from '../../common/errors/mq-error.ts';

/** For how long a person waits. */
export interface Patience {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Timers;
  readonly timeoutMs: number;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Waiting extends Patience {
  /** What the person can do when it was in vain. */
  readonly advice: string;
  /** Done when nobody waits any more; tells how things stand. */
  readonly takeBack?: () => Promise<string>;
}

const LOOK_MS = 500;

/** Looks until there is something to see. Rejects when time is up, or the person has enough. */
export async function until<Seen>(
  what: string,
  look: () => Promise<Seen | undefined>,
  { clock, timers, timeoutMs, signal, advice, takeBack }: Waiting,
): Promise<Seen> {
  const endMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (signal.aborted) {
      const state = (await takeBack?.()) ?? 'the order stands';
      throw new MqError('kube-request-left', { what, state, advice });
    }
    if (clock.monotonicMs() >= endMs) {
      const state = (await takeBack?.()) ?? 'the operator has not done it, and the order stands';
      const seconds = Math.round(timeoutMs / 1_000);
      throw new MqError('kube-request-unfinished', { what, seconds, state, advice });
    }
    await pause(timers, signal);
  }
}

/** Until the next look, or the signal. */
async function pause(timers: Timers, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = timers.after(LOOK_MS, done);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
