import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { defaultConsumerGroup } from '../../../common/model/consumer-group.ts';
import type { Backoff } from '../../../common/model/retry-policy.ts';
import { settingsReply } from '../../../gateway/settings.ts';
import { ClientType, Language, type ISettings } from '../../../proto/generated/v2.ts';
import { GATEWAY_OPTIONS } from '../../support/gateway-server.ts';

const group = defaultConsumerGroup('billing');
const consumer: ISettings = {
  clientType: ClientType.PUSH_CONSUMER,
  subscription: { group: { name: 'billing' } },
};
const producer: ISettings = {
  clientType: ClientType.PRODUCER,
  publishing: { topics: [{ name: 'orders' }] },
};
const reply = (settings: ISettings, language: string, of = group) =>
  settingsReply(settings, language, of, GATEWAY_OPTIONS);

const exponential: Backoff = { kind: 'exponential', initialMs: 500, maxMs: 20_000, multiplier: 2 };

describe('Settings answered to a consumer', () => {
  it.each([
    ['JAVA', 'customizedBackoff'],
    ['GO', 'customizedBackoff'],
    ['RUST', 'customizedBackoff'],
    ['CPP', 'customizedBackoff'],
    ['DOTNET', 'customizedBackoff'],
    ['PYTHON', 'customizedBackoff'],
    ['HTTP', 'exponentialBackoff'],
    ['NODE_JS', 'exponentialBackoff'],
    ['', 'customizedBackoff'],
  ] as const)('with a table of steps: %s reads %s', (language, arm) => {
    expect(reply(consumer, language).backoffPolicy?.[arm]).toBeTruthy();
  });

  it.each([
    ['JAVA', 'exponentialBackoff'],
    ['PYTHON', 'customizedBackoff'],
    ['HTTP', 'exponentialBackoff'],
  ] as const)('with an exponential policy: %s reads %s', (language, arm) => {
    expect(
      reply(consumer, language, { ...group, backoff: exponential }).backoffPolicy?.[arm],
    ).toBeTruthy();
  });

  it('recognises a client by its Settings when the header is missing', () => {
    const python = { ...consumer, userAgent: { language: Language.PYTHON } };
    expect(
      reply(python, '', { ...group, backoff: exponential }).backoffPolicy?.customizedBackoff,
    ).toBeTruthy();
  });

  it('gives Python whole seconds, rounded up, until the policy no longer grows', () => {
    const next = reply(consumer, 'PYTHON', { ...group, backoff: exponential }).backoffPolicy
      ?.customizedBackoff?.next;
    expect(next?.map((step) => step.seconds)).toEqual([1, 1, 2, 4, 8, 16, 20]);
  });

  it('tells attempts and order of its group', () => {
    const ordered = reply(consumer, 'JAVA', { ...group, maxAttempts: 5, ordered: true });
    expect(ordered.backoffPolicy?.maxAttempts).toBe(5);
    expect(ordered.subscription?.fifo).toBe(true);
  });

  it('has 17 attempts and the 18 steps of RocketMQ by default', () => {
    const policy = reply(consumer, 'JAVA').backoffPolicy;
    expect(policy?.maxAttempts).toBe(17);
    expect(policy?.customizedBackoff?.next).toHaveLength(18);
  });
});

describe('Settings answered to a producer', () => {
  it('keep the number of attempts that the client chose, else 3', () => {
    expect(reply(producer, 'GO').backoffPolicy?.maxAttempts).toBe(3);
    const chosen = { ...producer, backoffPolicy: { maxAttempts: 7 } };
    expect(reply(chosen, 'GO').backoffPolicy?.maxAttempts).toBe(7);
  });

  it('have the largest body and the check of types', () => {
    expect(reply(producer, 'JAVA').publishing).toMatchObject({
      maxBodySize: GATEWAY_OPTIONS.maxMessageBytes,
      validateMessageType: true,
    });
  });
});

describe('Settings answered to anyone', () => {
  it('always have a strategy, the same arm, and nothing that is adopted literally is 0', () => {
    const languages = fc.constantFrom(
      'JAVA',
      'GO',
      'HTTP',
      'PYTHON',
      'RUST',
      'CPP',
      'DOTNET',
      '',
      'ELIXIR',
    );
    const backoffs = fc.oneof(
      fc.record({
        kind: fc.constant('customized' as const),
        stepsMs: fc.array(fc.nat(10_000_000), { minLength: 1, maxLength: 20 }),
      }),
      fc.record({
        kind: fc.constant('exponential' as const),
        initialMs: fc.integer({ min: 1, max: 10_000 }),
        maxMs: fc.integer({ min: 10_000, max: 10_000_000 }),
        multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
      }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(consumer, producer),
        languages,
        backoffs,
        (settings, language, backoff) => {
          const answer = reply(settings, language, { ...group, backoff });
          const policy = answer.backoffPolicy;
          expect(Boolean(policy?.customizedBackoff) !== Boolean(policy?.exponentialBackoff)).toBe(
            true,
          );
          expect(Boolean(answer.publishing)).toBe(Boolean(settings.publishing));
          expect(Boolean(answer.subscription)).toBe(Boolean(settings.subscription));
          expect(answer.metric?.on).toBe(false);
          if (answer.subscription) {
            expect(answer.subscription.receiveBatchSize).toBeGreaterThan(0);
            expect(answer.subscription.longPollingTimeout?.seconds).toBeGreaterThan(0);
          }
        },
      ),
    );
  });
});
