/**
 * The way to the master of a replicated group, whoever that is: a request goes to the master of the moment, is held while
 * there is none, and goes to the next one if the first is gone before it answers and the rpc may be repeated, or never got
 * there.
 *
 * Bounds: a request is held for `holdMs` in all, a receive for about its polling time, what tells of a client not at all;
 * `heldMax` are held at once, receives not counted, since the gateway bounds them; a request is tried `TRIES_MAX` times.
 */
import type { Environment } from '../../common/environment/environment.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { PROTOCOL_CODES } from '../../common/errors/protocol-code.ts';
import type { Address } from '../../common/options/option-definition.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import type {
  CallOptions,
  RpcChannel,
  RpcStream,
  RpcStreamListener,
} from '../../common/rpc/rpc-channel.ts';
import { GRPC_STATUS, rpcStatusOf, wasNeverSent } from '../../common/rpc/rpc-error.ts';
import type { GroupMember } from '../registry/core/group-member.ts';
import { answerCode } from './answer-code.ts';
import { isAnnouncement, isReceive, isRepeatable } from './repeatable.ts';

export interface HeldChannelPorts {
  readonly brokerName: string;
  /** The master of the present epoch, whether or not it is up. */
  master(): GroupMember | undefined;
  connect(member: Address): RpcChannel;
  readonly environment: Pick<Environment, 'clock' | 'timers'>;
}

export interface HoldLimits {
  readonly holdMs: number;
  readonly heldMax: number;
  /** What a caller adds to the polling time of a receive for the deadline of the call. */
  readonly requestTimeoutMs: number;
}

const TRIES_MAX = 3;

/** A master in its term. */
interface Target {
  readonly member: GroupMember;
  readonly runId: string;
  readonly epoch: number;
}

type Call<Answer> = (channel: RpcChannel, options: CallOptions) => Promise<Answer>;

type Outcome<Answer> =
  { readonly answer: Answer } | { readonly error: unknown; readonly isMoved: boolean };

export class HeldChannel implements RpcChannel {
  readonly #ports: HeldChannelPorts;
  readonly #limits: HoldLimits;
  /** Calls under way and held requests; bounded by `heldMax` and by what the gateway admits. */
  readonly #listeners = new Set<() => void>();
  /** To the member that was asked last. */
  #channel: RpcChannel | undefined;
  #channelAddress = '';
  #held = 0;

  constructor(ports: HeldChannelPorts, limits: HoldLimits) {
    this.#ports = ports;
    this.#limits = limits;
  }

  get address(): string {
    return this.#channel?.address ?? this.#ports.brokerName;
  }

  /** Requests that wait for a master, receives not counted. */
  get held(): number {
    return this.#held;
  }

  unary(path: string, request: Uint8Array, options: CallOptions): Promise<Buffer> {
    const call: Call<Buffer> = (channel, left) => channel.unary(path, request, left);
    return this.#run(path, options, call, (answer) => answer);
  }

  serverStream(
    path: string,
    request: Uint8Array,
    options: CallOptions,
    bytesMax: number,
  ): Promise<readonly Buffer[]> {
    const call: Call<readonly Buffer[]> = (channel, left) =>
      channel.serverStream(path, request, left, bytesMax);
    return this.#run(path, options, call, (answers) => answers[0]);
  }

  exchange(path: string, message: Uint8Array, options: CallOptions): Promise<Buffer> {
    const call: Call<Buffer> = (channel, left) => channel.exchange(path, message, left);
    return this.#run(path, options, call, () => undefined);
  }

  /** A stream is not moved: it ends with the master. */
  openStream(
    path: string,
    metadata: Readonly<Record<string, string>>,
    listener: RpcStreamListener,
  ): RpcStream {
    const member = this.#ports.master();
    if (member === undefined) throw this.#noMaster('it has none');
    return this.#channelTo(member).openStream(path, metadata, listener);
  }

  /** The master is another one, or is gone, or is back. */
  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }

  async #run<Answer>(
    path: string,
    options: CallOptions,
    call: Call<Answer>,
    first: (answer: Answer) => Buffer | undefined,
  ): Promise<Answer> {
    const { clock } = this.#ports.environment;
    const startMs = clock.monotonicMs();
    const hold = this.#holdOf(path, options);
    let failed: { readonly target: Target; readonly outcome: Outcome<Answer> } | undefined;
    for (let tries = 1; ; tries += 1) {
      const leftMs = options.deadlineMs - (clock.monotonicMs() - startMs);
      const target = await this.#target(failed?.target, hold, leftMs, options.signal);
      if (target === undefined)
        return failed === undefined ? this.#refuse(hold) : settle(failed.outcome);
      const deadlineMs = Math.max(1, options.deadlineMs - (clock.monotonicMs() - startMs));
      const outcome = await this.#ask(path, target, { ...options, deadlineMs }, call);
      const mayRepeat = isRepeatable(path) || ('error' in outcome && wasNeverSent(outcome.error));
      const isFinal = tries === TRIES_MAX || options.signal?.aborted === true || !mayRepeat;
      if (isFinal || !this.#isLost(target, outcome, first)) return settle(outcome);
      failed = { target, outcome };
    }
  }

  #holdOf(path: string, { deadlineMs }: CallOptions): Hold {
    const { holdMs, requestTimeoutMs } = this.#limits;
    if (isAnnouncement(path)) return new Hold(0, true);
    if (!isReceive(path)) return new Hold(holdMs, true);
    return new Hold(Math.max(holdMs, deadlineMs - requestTimeoutMs), false);
  }

  /** The master to ask; not the one that has failed, unless nobody else comes and it still lives. */
  async #target(
    failed: Target | undefined,
    hold: Hold,
    leftMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Target | undefined> {
    for (;;) {
      const member = this.#ports.master();
      const usable = usableOf(member, failed, hold.isOver);
      if (usable !== undefined) return targetOf(usable);
      if (hold.isOver || signal?.aborted === true) return undefined;
      await this.#wait(hold, leftMs, signal);
    }
  }

  /** A call that may be repeated is given up when its master is deposed: that one may never answer. */
  async #ask<Answer>(
    path: string,
    target: Target,
    options: CallOptions,
    call: Call<Answer>,
  ): Promise<Outcome<Answer>> {
    const channel = this.#channelTo(target.member);
    if (!isRepeatable(path)) return outcomeOf(call(channel, options));
    const controller = new AbortController();
    const abort = (): void => {
      controller.abort(NO_LONGER_ASKED);
    };
    const onChange = (): void => {
      if (this.#hasMoved(target)) abort();
    };
    this.#listeners.add(onChange);
    options.signal?.addEventListener('abort', abort, { once: true });
    if (options.signal?.aborted === true) abort();
    const { signal } = controller;
    const outcome = await outcomeOf(call(channel, { ...options, signal }));
    this.#listeners.delete(onChange);
    options.signal?.removeEventListener('abort', abort);
    return 'error' in outcome ? { ...outcome, isMoved: signal.aborted } : outcome;
  }

  /** Whether the master was gone before it answered, or answers that it is none. */
  #isLost<Answer>(
    target: Target,
    outcome: Outcome<Answer>,
    first: (answer: Answer) => Buffer | undefined,
  ): boolean {
    if ('error' in outcome) {
      return outcome.isMoved || rpcStatusOf(outcome.error) === GRPC_STATUS.unavailable;
    }
    const bytes = first(outcome.answer);
    if (bytes === undefined || !this.#hasMoved(target)) return false;
    return answerCode(bytes) === PROTOCOL_CODES.HA_NOT_AVAILABLE;
  }

  #hasMoved(target: Target): boolean {
    const member = this.#ports.master();
    return member === undefined || !isSame(target, member);
  }

  #channelTo(member: GroupMember): RpcChannel {
    const { memberAddress } = member.hello;
    const address = formatAddress(memberAddress);
    if (this.#channel !== undefined && this.#channelAddress === address) return this.#channel;
    // What is under way on it comes to its end all the same.
    this.#channel?.close();
    this.#channel = this.#ports.connect(memberAddress);
    this.#channelAddress = address;
    return this.#channel;
  }

  async #wait(hold: Hold, leftMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { isCounted } = hold;
    if (isCounted && this.#held >= this.#limits.heldMax) {
      hold.end('too many requests wait for one already');
      return;
    }
    const { clock } = this.#ports.environment;
    const startMs = clock.monotonicMs();
    if (isCounted) this.#held += 1;
    const isOver = await this.#change(Math.min(hold.leftMs, leftMs), signal);
    if (isCounted) this.#held -= 1;
    hold.add(clock.monotonicMs() - startMs);
    if (isOver) hold.end(`none has registered within ${Math.round(hold.heldMs)} ms`);
  }

  /** Resolves at the next change with false, or with true when the time is over or the caller gone. */
  #change(timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isOver: boolean): void => {
        timer.cancel();
        this.#listeners.delete(onChange);
        signal?.removeEventListener('abort', onAbort);
        resolve(isOver);
      };
      const onChange = (): void => {
        end(false);
      };
      const onAbort = (): void => {
        end(true);
      };
      const timer = this.#ports.environment.timers.after(Math.max(timeoutMs, 0), onAbort);
      this.#listeners.add(onChange);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #refuse({ reason }: Hold): never {
    throw this.#noMaster(reason);
  }

  #noMaster(reason: string): MqError {
    return new MqError('no-master', { reason: `${this.#ports.brokerName}: ${reason}` });
  }
}

/** How long one request may still be held. */
class Hold {
  leftMs: number;
  heldMs = 0;
  reason = 'it is told of its clients when it has one';
  /** Among those that are held at once. */
  readonly isCounted: boolean;

  constructor(holdMs: number, isCounted: boolean) {
    this.leftMs = holdMs;
    this.isCounted = isCounted;
  }

  get isOver(): boolean {
    return this.leftMs <= 0;
  }

  add(ms: number): void {
    this.heldMs += ms;
    this.leftMs -= ms;
  }

  end(reason: string): void {
    this.leftMs = 0;
    this.reason = reason;
  }
}

/** At the end of the hold, one that either seems to live or has not been tried; before, only one for which both are true. */
function usableOf(
  member: GroupMember | undefined,
  failed: Target | undefined,
  isLastChance: boolean,
): GroupMember | undefined {
  if (member === undefined) return undefined;
  const isUntried = failed === undefined || !isSame(failed, member);
  const isUsable = isLastChance ? isLive(member) || isUntried : isLive(member) && isUntried;
  return isUsable ? member : undefined;
}

/** Its registration is open: it is there as far as anybody can tell. */
function isLive({ isUp, stream }: GroupMember): boolean {
  return isUp && stream !== undefined;
}

function targetOf(member: GroupMember): Target {
  return { member, runId: member.hello.runId, epoch: member.epoch };
}

function isSame(target: Target, member: GroupMember): boolean {
  const { hello, epoch } = member;
  return target.member === member && target.runId === hello.runId && target.epoch === epoch;
}

async function outcomeOf<Answer>(call: Promise<Answer>): Promise<Outcome<Answer>> {
  try {
    return { answer: await call };
  } catch (error) {
    return { error, isMoved: false };
  }
}

function settle<Answer>(outcome: Outcome<Answer>): Answer {
  if ('error' in outcome) throw outcome.error;
  return outcome.answer;
}

/** Made once: without a reason of its own, each abort builds a DOMException with a stack. */
const NO_LONGER_ASKED = new Error('another member is the master now');
