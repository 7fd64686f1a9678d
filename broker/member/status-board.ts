import type { TimerHandle, Timers } from '../../common/environment/timers.ts';
import type { MemberStatus } from '../../common/model/broker-group.ts';

/** Questions that wait for news at the same time; the oldest is answered when there is another. */
const WAITING_MAX = 64;

/** Tells who waits for it when a member's status has changed in anything but its offsets. */
export class StatusBoard {
  readonly #timers: Timers;
  readonly #status: () => MemberStatus;
  readonly #waiting = new Set<() => void>();
  #version = 1;
  #seen = '';

  constructor(timers: Timers, status: () => MemberStatus) {
    this.#timers = timers;
    this.#status = status;
  }

  get version(): number {
    return this.#version;
  }

  /** To be called when something may have changed. */
  look(): void {
    const seen = withoutProgress(this.#status());
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#version++;
    for (const answer of [...this.#waiting]) answer();
  }

  /** The status as soon as it is newer than `knownVersion`, and after `waitMs` in any case. */
  whenAfter(knownVersion: number, waitMs: number): Promise<MemberStatus> {
    if (knownVersion !== this.#version || waitMs <= 0) return Promise.resolve(this.#status());
    return new Promise((resolve) => {
      let timer: TimerHandle | undefined = undefined;
      const answer = (): void => {
        this.#waiting.delete(answer);
        timer?.cancel();
        resolve(this.#status());
      };
      timer = this.#timers.after(waitMs, answer);
      this.#waiting.add(answer);
      const [oldest] = this.#waiting;
      if (this.#waiting.size > WAITING_MAX) oldest?.();
    });
  }

  close(): void {
    for (const answer of [...this.#waiting]) answer();
  }
}

/** What counts as a change: everything that does not move while messages flow. */
function withoutProgress(status: MemberStatus): string {
  const { followers, wantedSet, leaseLeftMs, ...rest } = status;
  return JSON.stringify({
    ...rest,
    ...{ statusVersion: 0, logStartOffset: 0, logEndOffset: 0, durableOffset: 0, confirmOffset: 0 },
    hasLease: leaseLeftMs > 0,
    wantedSet: wantedSet ?? null,
    followers: followers.map(({ memberName, isConnected, isInSync }) => [
      memberName,
      isConnected,
      isInSync,
    ]),
  });
}
