/** What a client is answered to its Settings. Pure. Per-client reasons stand beside the values. */
import type { ConsumerGroupConfig } from '../common/model/consumer-group.ts';
import { backoffDelayMs, type Backoff } from '../common/model/retry-policy.ts';
import { Language, type IRetryPolicy, type ISettings } from '../proto/generated/v2.ts';
import { fromMs } from './durations.ts';

export interface SettingsLimits {
  readonly maxMessageBytes: number;
  readonly receiveBatchMax: number;
  readonly longPollingMs: number;
}

/** Which arm of RetryPolicy a client can read. */
type BackoffArm = 'any' | 'customized' | 'exponential';

const PRODUCER_MAX_ATTEMPTS = 3;
/** Java, Node and C# throw on anything but an exponential backoff for producers. */
const PRODUCER_BACKOFF: Backoff = {
  kind: 'exponential',
  initialMs: 10,
  maxMs: 1_000,
  multiplier: 2,
};

/** Several clients take an absent quota for 0 and refuse before they ask us; what lite topics need we say in our answers. */
const LITE_SUBSCRIPTION_QUOTA = 2_000;
const LITE_TOPIC_SIZE_MAX = 64;

/** Steps are listed until they no longer grow; this bounds the list for slowly growing ones. */
const STEPS_MAX = 32;

/** Largest number of attempts that fits the field of every client. */
const ATTEMPTS_MAX = 10_000;

/**
 * The client's own Settings with what the server decides. The same oneof arm comes back (Python waits for it), nothing that
 * clients adopt literally is 0, and the backoff policy always has a strategy. `group` counts for consumers only.
 */
export function settingsReply(
  settings: ISettings,
  language: string,
  group: ConsumerGroupConfig,
  limits: SettingsLimits,
): ISettings {
  const reply: ISettings = { ...settings, metric: { on: false } };
  if (settings.publishing !== null && settings.publishing !== undefined) {
    const wanted = settings.backoffPolicy?.maxAttempts ?? 0;
    reply.backoffPolicy = retryPolicy(
      PRODUCER_BACKOFF,
      wanted > 0 ? Math.min(wanted, ATTEMPTS_MAX) : PRODUCER_MAX_ATTEMPTS,
      'exponential',
    );
    reply.publishing = {
      ...settings.publishing,
      maxBodySize: limits.maxMessageBytes,
      validateMessageType: true,
    };
  }
  if (settings.subscription !== null && settings.subscription !== undefined) {
    const arm = consumerArm(language, settings.userAgent?.language);
    reply.backoffPolicy = retryPolicy(group.backoff, group.maxAttempts, arm);
    reply.subscription = {
      ...settings.subscription,
      fifo: group.ordered,
      receiveBatchSize: limits.receiveBatchMax,
      longPollingTimeout: fromMs(limits.longPollingMs),
      liteSubscriptionQuota: LITE_SUBSCRIPTION_QUOTA,
      maxLiteTopicSize: LITE_TOPIC_SIZE_MAX,
    };
  }
  return reply;
}

/** Node sends `HTTP`, as its own comment says because Apache's server knows no `nodejs`. */
export function isNode(language: string): boolean {
  return language === 'HTTP' || language === 'NODE_JS' || language === 'NODEJS';
}

/** Python's push consumer reads only customized_backoff, Node's only exponential_backoff; the others read both. */
function consumerArm(language: string, declared: Language | null | undefined): BackoffArm {
  if (language === 'PYTHON' || declared === Language.PYTHON) return 'customized';
  if (isNode(language) || declared === Language.NODE_JS) return 'exponential';
  return 'any';
}

function retryPolicy(backoff: Backoff, maxAttempts: number, arm: BackoffArm): IRetryPolicy {
  if (arm === 'customized') {
    // Python reads whole seconds only; a shorter step would become no wait at all.
    const next = stepsOf(backoff, maxAttempts).map((ms) => ({
      seconds: Math.ceil(ms / 1_000),
      nanos: 0,
    }));
    return { maxAttempts, customizedBackoff: { next } };
  }
  if (backoff.kind === 'customized' && arm === 'any') {
    return { maxAttempts, customizedBackoff: { next: backoff.stepsMs.map(fromMs) } };
  }
  return { maxAttempts, exponentialBackoff: exponentialOf(backoff) };
}

/** The first waits of a policy, up to the one that repeats for ever. */
function stepsOf(backoff: Backoff, maxAttempts: number): readonly number[] {
  if (backoff.kind === 'customized') return backoff.stepsMs;
  const steps: number[] = [];
  for (let attempt = 1; attempt <= Math.min(maxAttempts, STEPS_MAX); attempt += 1) {
    steps.push(Math.round(backoffDelayMs(backoff, attempt)));
    if ((steps.at(-1) ?? 0) >= backoff.maxMs) break;
  }
  return steps;
}

/** For a table of steps: from its first to its last in doubling waits. The server keeps to the table itself. */
function exponentialOf(backoff: Backoff): {
  initial: { seconds: number; nanos: number };
  max: { seconds: number; nanos: number };
  multiplier: number;
} {
  if (backoff.kind === 'exponential') {
    const { initialMs, maxMs, multiplier } = backoff;
    return { initial: fromMs(initialMs), max: fromMs(maxMs), multiplier };
  }
  const first = backoff.stepsMs[0] ?? 1_000;
  return { initial: fromMs(first), max: fromMs(backoff.stepsMs.at(-1) ?? first), multiplier: 2 };
}
