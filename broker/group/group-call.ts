/**
 * One request at a member of a group, from when it comes until it is answered: tried at the master of the moment, moved on when
 * the master changes, held while there is none.
 *
 * What is repeated, and why that is right:
 *
 * | what came back                                | done there? | repeated                                                   |
 * |-----------------------------------------------|-------------|------------------------------------------------------------|
 * | no-master, not-ready, shutting-down           | no          | yes: the one that answered is not, or no longer, the master |
 * | log-failed                                    | no          | yes: a master whose log fails resigns                      |
 * | forward-failed for want of a connection       | no          | yes: it has died, and nobody was told of another one yet    |
 * | outcome-unknown, forward-failed               | perhaps     | where the rpc may be (`mayRepeat`)                         |
 * | forward-timeout                               | perhaps     | the same, and only when the master has changed meanwhile   |
 * | anything else, and success                    |             | no: it is the answer                                       |
 */
import { isMqError, MqError } from '../../common/errors/mq-error.ts';
import { codeInMessage } from '../../common/errors/status.ts';
import type { Caller } from '../../gateway/broker-access.ts';
import { wasNeverSent } from '../../common/rpc/rpc-error.ts';
import { hopsOf } from '../../gateway/client-context.ts';
import type { IStatus } from '../../proto/generated/v2.ts';
import type { GroupRouting, HoldEnd, Target } from './group-routing.ts';

const NOT_DONE: ReadonlySet<string> = new Set([
  'no-master',
  'not-ready',
  'shutting-down',
  'log-failed',
]);
const PERHAPS_DONE: ReadonlySet<string> = new Set(['outcome-unknown', 'forward-failed']);

/** Kept of the caller's deadline for the answer's way back. */
const DEADLINE_MARGIN_MS = 100;
/** Pauses before the same master is asked again that has just said it is none. */
const PAUSE_MIN_MS = 20;
const PAUSE_MAX_MS = 250;
/** Attempts without a pause, each at another master than the one before; a group changes it every few seconds at most. */
const MOVES_MAX = 8;

export interface CallRules<Answer> {
  /** How long it may be held in all. */
  readonly holdMs: number;
  /** Counted among the held requests: all but receives, which are bounded where they are admitted. */
  readonly isCounted: boolean;
  /** Every Status of the answer, its parts included. */
  statuses(answer: Answer): readonly (IStatus | null | undefined)[];
  /** False: only what was certainly not done is asked again. */
  readonly mayRepeat: boolean;
  /** Also asked again when the master has changed while this was found: a wait that ended for want of a broker. */
  isUnfinished?(answer: Answer): boolean;
}

export interface Attempt {
  readonly signal: AbortSignal;
  /** Time since the request came. */
  readonly elapsedMs: number;
}

type Outcome<Answer> =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'error'; readonly error: unknown };

type Judgement = 'final' | 'not-done' | 'perhaps-done';

export class GroupCall<Answer> {
  readonly #routing: GroupRouting;
  readonly #caller: Caller;
  readonly #rules: CallRules<Answer>;
  readonly #startMs: number;
  #heldMs = 0;
  #pauseMs = PAUSE_MIN_MS;
  #moves = 0;
  /** What to answer when nothing better comes: something that was perhaps done outweighs what was not. */
  #failure: { readonly outcome: Outcome<Answer>; readonly judgement: Judgement } | undefined;

  constructor(routing: GroupRouting, caller: Caller, rules: CallRules<Answer>) {
    this.#routing = routing;
    this.#caller = caller;
    this.#rules = rules;
    this.#startMs = routing.ports.environment.clock.monotonicMs();
  }

  /** `ask` is called once for each attempt. */
  async run(ask: (target: Target, attempt: Attempt) => Promise<Answer>): Promise<Answer> {
    for (;;) {
      const outcome = await this.#try(ask);
      if (outcome?.kind === 'answer') return outcome.answer;
      if (outcome?.kind === 'error') throw outcome.error;
    }
  }

  /** Undefined: try again. */
  async #try(
    ask: (target: Target, attempt: Attempt) => Promise<Answer>,
  ): Promise<Outcome<Answer> | undefined> {
    let target: Target | undefined;
    try {
      target = this.#routing.target(hopsOf(this.#caller));
    } catch (error) {
      return this.#failure?.outcome ?? { kind: 'error', error };
    }
    if (target === undefined) return this.#hold(this.#holdLeftMs());
    const outcome = await this.#ask(target, ask);
    const hasMoved = this.#routing.hasMoved(target);
    const judgement = this.#judge(outcome, hasMoved);
    if (judgement === 'final' || this.#caller.signal.aborted) return outcome;
    this.#keep(outcome, judgement);
    return hasMoved ? this.#moveOn() : this.#pause();
  }

  #keep(outcome: Outcome<Answer>, judgement: Judgement): void {
    if (this.#failure?.judgement === 'perhaps-done') return;
    // A master that nobody reaches is none: that is said, and not what the network says of it.
    const isAnswer = outcome.kind === 'answer' || !wasNeverSent(outcome.error);
    this.#failure = isAnswer ? { outcome, judgement } : undefined;
  }

  /** To the next master at once. */
  #moveOn(): Promise<Outcome<Answer> | undefined> {
    this.#moves += 1;
    const mayMoveOn = this.#leftMs() > 0 && this.#moves < MOVES_MAX;
    return mayMoveOn ? Promise.resolve(undefined) : this.#pause();
  }

  /** The same master once more, a little later. */
  #pause(): Promise<Outcome<Answer> | undefined> {
    const holdLeftMs = this.#holdLeftMs();
    const pauseMs = Math.min(this.#pauseMs, holdLeftMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MAX_MS);
    return this.#hold(pauseMs, holdLeftMs > pauseMs);
  }

  /** A call to another member, and one that only waits, ends when somebody else becomes the master. */
  async #ask(
    target: Target,
    ask: (target: Target, attempt: Attempt) => Promise<Answer>,
  ): Promise<Outcome<Answer>> {
    const elapsedMs = this.#elapsedMs();
    const { signal } = this.#caller;
    const isWait = this.#rules.isUnfinished !== undefined;
    if (target.kind === 'local' && !isWait) return settle(ask(target, { signal, elapsedMs }));
    const controller = new AbortController();
    const abort = (): void => {
      controller.abort(NO_LONGER_ASKED);
    };
    const release = this.#routing.onChange(() => {
      if (this.#routing.hasMoved(target)) abort();
    });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    try {
      return await settle(ask(target, { signal: controller.signal, elapsedMs }));
    } finally {
      release();
      signal.removeEventListener('abort', abort);
    }
  }

  #judge(outcome: Outcome<Answer>, hasMoved: boolean): Judgement {
    const judgement = this.#judgementOf(outcome, hasMoved);
    return judgement === 'perhaps-done' && !this.#rules.mayRepeat ? 'final' : judgement;
  }

  #judgementOf(outcome: Outcome<Answer>, hasMoved: boolean): Judgement {
    const rules = this.#rules;
    if (outcome.kind === 'error') {
      if (!isMqError(outcome.error)) return 'final';
      const { code } = outcome.error;
      if (code === 'forward-failed' && wasNeverSent(outcome.error)) return 'not-done';
      return code === 'forward-timeout' && hasMoved ? 'perhaps-done' : judgementOf([code]);
    }
    const { answer } = outcome;
    if (hasMoved && rules.isUnfinished?.(answer) === true) return 'not-done';
    return judgementOf(rules.statuses(answer).map((status) => codeInMessage(status?.message)));
  }

  /** Undefined when there is reason and time to try again. */
  async #hold(timeoutMs: number, isPause = false): Promise<Outcome<Answer> | undefined> {
    const { clock } = this.#routing.ports.environment;
    const startMs = clock.monotonicMs();
    const end = await this.#routing.hold(timeoutMs, this.#caller.signal, this.#rules.isCounted);
    this.#heldMs += clock.monotonicMs() - startMs;
    if (end === 'changed' || (end === 'time-is-up' && isPause)) return undefined;
    return this.#failure?.outcome ?? { kind: 'error', error: this.#refusal(end) };
  }

  #refusal(end: HoldEnd): MqError {
    const { brokerName, options } = this.#routing.ports;
    const reason =
      end === 'too-many'
        ? `${options.maxHeldRequests} requests wait for one already`
        : `none was found within ${Math.round(this.#elapsedMs())} ms`;
    return new MqError('no-master', { reason: `${brokerName}: ${reason}` });
  }

  #elapsedMs(): number {
    return this.#routing.ports.environment.clock.monotonicMs() - this.#startMs;
  }

  #leftMs(): number {
    const { remainingMs } = this.#caller;
    return (remainingMs ?? Number.POSITIVE_INFINITY) - DEADLINE_MARGIN_MS - this.#elapsedMs();
  }

  #holdLeftMs(): number {
    return Math.min(this.#rules.holdMs - this.#heldMs, this.#leftMs());
  }
}

function judgementOf(codes: readonly (string | undefined)[]): Judgement {
  if (codes.some((code) => code !== undefined && PERHAPS_DONE.has(code))) return 'perhaps-done';
  return codes.some((code) => code !== undefined && NOT_DONE.has(code)) ? 'not-done' : 'final';
}

async function settle<Answer>(work: Promise<Answer>): Promise<Outcome<Answer>> {
  try {
    return { kind: 'answer', answer: await work };
  } catch (error) {
    return { kind: 'error', error };
  }
}

/** Made once: without a reason of its own, each abort builds a DOMException with a stack. */
const NO_LONGER_ASKED = new Error('another member is the master now');
