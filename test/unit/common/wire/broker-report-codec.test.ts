import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasErrorCode } from '../../../../common/errors/mq-error.ts';
import type { BrokerReport, NumberedReport } from '../../../../common/model/broker-report.ts';
import { START_POSITIONS } from '../../../../common/model/consumer-group.ts';
import { PERMISSIONS, TOPIC_TYPES } from '../../../../common/model/topic.ts';
import {
  decodeAck,
  decodeReport,
  encodeAck,
  encodeReport,
  groupBytes,
  nameBytes,
  topicBytes,
} from '../../../../common/wire/broker-report-codec.ts';
import { BrokerReport as Report } from '../../../../proto/generated/orbitmq.ts';

const count = fc.nat(Number.MAX_SAFE_INTEGER);
const name = fc.string({ minLength: 1, unit: 'grapheme' });

const topic = fc.record({
  name,
  type: fc.constantFrom(...TOPIC_TYPES),
  queueCount: fc.nat(1_024),
  permission: fc.constantFrom(...PERMISSIONS),
  retentionMs: fc.option(count, { nil: undefined }),
});

const group = fc.record({
  name,
  maxAttempts: fc.nat(10_000),
  ordered: fc.boolean(),
  backoff: fc.oneof(
    fc.record({
      kind: fc.constant('customized' as const),
      stepsMs: fc.array(count, { maxLength: 20 }),
    }),
    fc.record({
      kind: fc.constant('exponential' as const),
      initialMs: count,
      maxMs: count,
      multiplier: fc.double({ min: 1, max: 100, noNaN: true }),
    }),
  ),
  startPosition: fc.constantFrom(...START_POSITIONS),
  paused: fc.boolean(),
});

const report: fc.Arbitrary<BrokerReport> = fc.oneof(
  fc.record({
    kind: fc.constant('hello' as const),
    hello: fc.record({
      clusterName: name,
      brokerName: name,
      advertised: fc.record({ host: name, port: fc.integer({ min: 1, max: 65_535 }) }),
      epoch: count,
      version: fc.string(),
      runId: name,
      heartbeatIntervalMs: fc.nat(),
      memberName: fc.string(),
      isSlave: fc.boolean(),
      memberAddress: fc.record({ host: name, port: fc.integer({ min: 1, max: 65_535 }) }),
    }),
  }),
  fc.record({
    kind: fc.constant('delta' as const),
    delta: fc.record({
      baseVersion: count,
      version: count,
      isComplete: fc.boolean(),
      topics: fc.array(topic, { maxLength: 5 }),
      removedTopics: fc.array(name, { maxLength: 5 }),
      groups: fc.array(group, { maxLength: 5 }),
      removedGroups: fc.array(name, { maxLength: 5 }),
    }),
  }),
  fc.record({
    kind: fc.constant('heartbeat' as const),
    heartbeat: fc.record({
      epoch: count,
      logEndOffset: count,
      confirmOffset: count,
      isWritable: fc.boolean(),
    }),
  }),
  fc.record({ kind: fc.constant('goodbye' as const) }),
);

describe('reports of brokers', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(count, report, (sequence, sent) => {
        const numbered: NumberedReport = { sequence, report: sent };
        expect(decodeReport(encodeReport(numbered))).toEqual(numbered);
      }),
    );
  });

  it('take no more bytes in a delta than is reckoned with', () => {
    fc.assert(
      fc.property(fc.array(topic), fc.array(group), fc.array(name), (topics, groups, names) => {
        const delta = {
          baseVersion: 0,
          version: 1,
          isComplete: true,
          topics,
          groups,
          removedTopics: names,
        };
        const whole: BrokerReport = { kind: 'delta', delta: { ...delta, removedGroups: names } };
        const sum = (bytes: readonly number[]): number => bytes.reduce((a, b) => a + b, 0);
        const reckoned =
          sum(topics.map(topicBytes)) + sum(groups.map(groupBytes)) + 2 * sum(names.map(nameBytes));
        expect(encodeReport({ sequence: 1, report: whole }).length).toBeLessThanOrEqual(
          reckoned + 64,
        );
      }),
    );
  });

  it('are refused when they make no sense', () => {
    const wrong = [
      Report.encode({ sequence: 1 }),
      Report.encode({ sequence: -1, goodbye: {} }),
      Report.encode({ sequence: 1, hello: { brokerName: 'a' } }),
      Report.encode({ sequence: 1, delta: { topicsSet: [{}] } }),
      Report.encode({ sequence: 1, heartbeat: { logEndOffset: -5 } }),
    ];
    for (const bytes of wrong) {
      expect(codeOf(() => decodeReport(bytes.finish()))).toBe('request-malformed');
    }
  });
});

describe('acks of reports', () => {
  it('come out as they went in', () => {
    const ack = { sequence: 3, epoch: 4, nameServerRunId: 'n', knownVersion: 2 ** 40 };
    for (const refusal of [undefined, 'no']) {
      for (const isGranted of [true, false]) {
        const whole = { ...ack, refusal, isGranted };
        expect(decodeAck(encodeAck(whole))).toEqual(whole);
      }
    }
  });
});

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return hasErrorCode(error, 'request-malformed') ? error.code : String(error);
  }
  return 'none';
}
