import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  PERMISSIONS,
  TOPIC_TYPES,
  type TopicConfig,
} from '../../../../../../common/model/topic.ts';
import {
  isWritable,
  planTopic,
  type TopicAtBroker,
} from '../../../../../../operator/reconcile/topic/core/topic-plan.ts';

const anyTopic: fc.Arbitrary<TopicConfig> = fc.record({
  name: fc.constant('t'),
  type: fc.constantFrom(...TOPIC_TYPES),
  queueCount: fc.integer({ min: 1, max: 8 }),
  permission: fc.constantFrom(...PERMISSIONS),
  retentionMs: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
});
const anyBroker: fc.Arbitrary<Omit<TopicAtBroker, 'brokerName'>> = fc.record({
  isKnown: fc.boolean(),
  isReadOnly: fc.boolean(),
  topic: fc.option(anyTopic, { nil: undefined }),
});

function after(wanted: TopicConfig, brokers: readonly TopicAtBroker[]): TopicAtBroker[] {
  const { steps } = planTopic(wanted, brokers);
  return brokers.map((broker) => {
    const step = steps.find(({ brokerName }) => brokerName === broker.brokerName);
    if (step === undefined) return broker;
    if (step.kind === 'create') return { ...broker, topic: step.topic };
    const { retentionMs = broker.topic?.retentionMs, ...change } = step.change;
    const topic = {
      ...broker.topic!,
      ...change,
      retentionMs: retentionMs === 0 ? undefined : retentionMs,
    };
    return { ...broker, topic };
  });
}

describe('the plan of a topic', () => {
  it('brings every broker to what is wanted in one step, and then has nothing to do', () => {
    fc.assert(
      fc.property(anyTopic, fc.array(anyBroker, { maxLength: 4 }), (wanted, facts) => {
        const brokers = facts.map((broker, index) => ({ ...broker, brokerName: `b${index}` }));
        const settled = after(wanted, brokers);
        expect(planTopic(wanted, settled).steps).toEqual([]);
        for (const { topic, isKnown, isReadOnly } of settled) {
          if (!isKnown || topic === undefined) continue;
          expect(topic.queueCount).toBeGreaterThanOrEqual(wanted.queueCount);
          if (isReadOnly) expect(isWritable(topic)).toBe(false);
          else expect(topic.permission).toBe(wanted.permission);
        }
      }),
    );
  });

  it('never takes queues away, and names who has more', () => {
    const topic = {
      name: 't',
      type: 'NORMAL',
      queueCount: 4,
      permission: 'READ',
      retentionMs: undefined,
    } as const;
    const at = {
      brokerName: 'b',
      isKnown: true,
      isReadOnly: false,
      topic: { ...topic, queueCount: 8 },
    };
    expect(planTopic(topic, [at])).toMatchObject({ steps: [], larger: ['b'], settled: [] });
  });

  it('makes nothing on a broker that could not be asked, or that goes', () => {
    const topic = {
      name: 't',
      type: 'NORMAL',
      queueCount: 4,
      permission: 'READ',
      retentionMs: undefined,
    } as const;
    const none = { topic: undefined };
    const plan = planTopic(topic, [
      { brokerName: 'a', isKnown: false, isReadOnly: false, ...none },
      { brokerName: 'b', isKnown: true, isReadOnly: true, ...none },
    ]);
    expect(plan).toMatchObject({ steps: [], unknown: ['a'] });
  });
});
