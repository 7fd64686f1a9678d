/** What a cluster has promised its clients, and what became of it. */

/** An acknowledged send. Times are of the machine's monotonic clock, the same for all processes. */
export interface AckedSend {
  readonly messageId: string;
  readonly topic: string;
  readonly lane: string;
  /** Within the lane; one lane sends one after the other. */
  readonly sequence: number;
  readonly offset: number;
  readonly ackedAtMs: number;
}

export interface StoredMessage {
  readonly messageId: string;
  readonly offset: number;
  readonly body: string;
}

export interface LedgerFindings {
  /** What must never be, in either mode. */
  readonly violations: readonly string[];
  /** Acknowledged and not there, or not where the receipt says. */
  readonly lost: readonly AckedSend[];
  /** Acknowledged consumptions whose message came again. */
  readonly redelivered: readonly { readonly messageId: string; readonly ackedAtMs: number }[];
}

/** The lane of a client that stands beside a master wherever that is cut off from: see start-probe.ts. */
export const PROBE_LANE = 'probe';

export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

export class ClusterLedger {
  readonly sends: AckedSend[] = [];
  /** Bodies of sends whose outcome nobody told. */
  readonly inDoubt = new Set<string>();
  /** Message id → when its consumption was acknowledged. */
  readonly consumed = new Map<string, number>();
  readonly consumedInDoubt = new Set<string>();
  readonly delivered = new Set<string>();
  readonly #redelivered: { messageId: string; ackedAtMs: number }[] = [];

  noteDelivery(messageId: string): void {
    this.delivered.add(messageId);
    const ackedAtMs = this.consumed.get(messageId);
    if (ackedAtMs !== undefined) this.#redelivered.push({ messageId, ackedAtMs });
  }

  /** The longest time from `sinceMs` on in which nothing was acknowledged. */
  longestGapMs(sinceMs: number): number {
    const sends = this.sends.filter(({ lane }) => lane !== PROBE_LANE);
    const times = sends.map(({ ackedAtMs }) => ackedAtMs).filter((at) => at >= sinceMs);
    times.sort((a, b) => a - b);
    let longest = times.length === 0 ? Number.POSITIVE_INFINITY : 0;
    let before = sinceMs;
    for (const at of times) {
      longest = Math.max(longest, at - before);
      before = at;
    }
    return longest;
  }

  /** Acknowledged, and never given to the group. */
  notDelivered(): readonly AckedSend[] {
    return this.sends.filter(
      ({ messageId }) => !this.delivered.has(messageId) && !this.consumedInDoubt.has(messageId),
    );
  }

  /** Compares the ledger with what is stored, each topic in the order of its one queue. */
  check(stored: ReadonlyMap<string, readonly StoredMessage[]>): LedgerFindings {
    const violations: string[] = [];
    const lost: AckedSend[] = [];
    for (const [topic, messages] of stored) {
      violations.push(...this.#strangers(topic, messages));
      const places = new Map(messages.map(({ messageId, offset }) => [messageId, offset]));
      const acked = this.sends.filter((send) => send.topic === topic);
      for (const send of acked) {
        const place = places.get(send.messageId);
        if (place === undefined) lost.push(send);
        else if (place !== send.offset) {
          violations.push(
            `${topic}: the receipt of ${send.messageId} says ${send.offset}, it is at ${place}`,
          );
        }
      }
      const kept = acked.filter(({ messageId }) => places.has(messageId));
      violations.push(...disordered(topic, kept), ...this.#undelivered(topic, kept));
    }
    violations.push(...twoMasters(this.sends, lost));
    return { violations, lost, redelivered: this.#redelivered };
  }

  /** Whether something is there that was acknowledged and has not come. */
  hasUndelivered(stored: ReadonlyMap<string, readonly StoredMessage[]>): boolean {
    return [...stored].some(([topic, messages]) => {
      const places = new Set(messages.map(({ messageId }) => messageId));
      const kept = this.sends.filter(({ messageId }) => places.has(messageId));
      return this.#undelivered(topic, kept).length > 0;
    });
  }

  #strangers(topic: string, messages: readonly StoredMessage[]): string[] {
    const violations: string[] = [];
    const acked = new Set(this.sends.map(({ messageId }) => messageId));
    const seen = new Set<string>();
    for (const [index, { messageId, offset, body }] of messages.entries()) {
      if (offset !== index) violations.push(`${topic}: message ${index} has offset ${offset}`);
      if (seen.has(messageId)) violations.push(`${topic}: ${messageId} is stored twice`);
      seen.add(messageId);
      if (!acked.has(messageId) && !this.inDoubt.has(body)) {
        violations.push(`${topic}: ${messageId} "${body}" was never sent`);
      }
    }
    return violations;
  }

  /** At least once: whatever is there has been delivered to the group. */
  #undelivered(topic: string, kept: readonly AckedSend[]): string[] {
    const late = new Set(this.notDelivered());
    const missing = kept.filter((send) => late.has(send));
    const [first] = missing;
    if (first === undefined) return [];
    return [`${topic}: ${missing.length} never delivered, the first at ${first.offset}`];
  }
}

/** One lane sends one after the other into one queue: what came later stands later. */
function disordered(topic: string, kept: readonly AckedSend[]): string[] {
  const lanes = [...new Set(kept.map(({ lane }) => lane))];
  return lanes.flatMap((lane) => {
    const sorted = kept.filter((send) => send.lane === lane);
    sorted.sort((a, b) => a.sequence - b.sequence);
    return sorted.flatMap((send, index) => {
      const before = sorted[index - 1];
      if (before === undefined || before.offset < send.offset) return [];
      return [`${topic}: ${before.lane}:${before.sequence} stands behind :${send.sequence}`];
    });
  });
}

/** Clients note an acknowledgement a little after it was given. */
const NOTED_LATE_MS = 100;

/**
 * What was lost had been acknowledged by a master that was replaced. From the moment at which its successor acknowledged
 * something in its place, it must not have acknowledged anything any more.
 */
function twoMasters(sends: readonly AckedSend[], lost: readonly AckedSend[]): string[] {
  const gone = new Set(lost);
  return lost.flatMap((send) => {
    const successor = sends.find(
      (other) => !gone.has(other) && other.topic === send.topic && other.offset >= send.offset,
    );
    if (successor === undefined || send.ackedAtMs <= successor.ackedAtMs + NOTED_LATE_MS) return [];
    const lateMs = Math.round(send.ackedAtMs - successor.ackedAtMs);
    return [
      `${send.topic}: two masters: offset ${send.offset} was acknowledged ${lateMs} ms after the next one had begun`,
    ];
  });
}
