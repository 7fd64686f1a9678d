import { describe, expect, it } from '@jest/globals';
import { validateClientProperties } from '../../../../gateway/validation/client-properties.ts';
import { validateGroupName } from '../../../../gateway/validation/group-name.ts';
import { validateSendTopic, validateTopicName } from '../../../../gateway/validation/topic-name.ts';
import { requiredTopic, resourceName } from '../../../../gateway/names.ts';
import { GATEWAY_OPTIONS } from '../../../support/gateway-server.ts';

const passes = (work: () => void): boolean => {
  try {
    work();
    return true;
  } catch {
    return false;
  }
};

describe('a topic name', () => {
  it.each([
    ['orders', true],
    ['ns%orders-1_b|c', true],
    ['x'.repeat(127), true],
    ['x'.repeat(128), false],
    ['', false],
    ['  ', false],
    ['a b', false],
    ['über', false],
    ['TBW102', false],
    ['SCHEDULE_TOPIC_XXXX', false],
    ['RMQ_SYS_TRANS_HALF_TOPIC', false],
    ['rmq_sys_wheel_timer', false],
    ['%RETRY%billing', false],
    ['%DLQ%billing', true],
    [`%DLQ%${'g'.repeat(255)}`, true],
  ])('%j may be used: %s', (name, expected) => {
    expect(passes(() => validateTopicName(name, GATEWAY_OPTIONS))).toBe(expected);
  });

  it('of a dead-letter topic may be received from and not sent to', () => {
    expect(passes(() => validateTopicName('%DLQ%billing', GATEWAY_OPTIONS))).toBe(true);
    expect(passes(() => validateSendTopic('%DLQ%billing', GATEWAY_OPTIONS))).toBe(false);
  });
});

describe('a group name', () => {
  it.each([
    ['billing', true],
    ['g'.repeat(255), true],
    ['g'.repeat(256), false],
    ['', false],
    ['a b', false],
    ['CID_RMQ_SYS_TRANS', false],
  ])('%j may be used: %s', (name, expected) => {
    expect(passes(() => validateGroupName(name, GATEWAY_OPTIONS))).toBe(expected);
  });
});

describe('a resource', () => {
  it('takes the namespace of the call only when it has none', () => {
    expect(resourceName({ name: 'a' }, { namespace: '' })).toBe('a');
    expect(resourceName({ name: 'a' }, { namespace: 'ns' })).toBe('ns%a');
    expect(resourceName({ name: 'a', resourceNamespace: 'own' }, { namespace: 'ns' })).toBe(
      'own%a',
    );
  });

  it('without a name is refused even when the call has a namespace', () => {
    expect(passes(() => void requiredTopic({}, { namespace: 'ns' }, GATEWAY_OPTIONS))).toBe(false);
    expect(passes(() => void requiredTopic(undefined, { namespace: '' }, GATEWAY_OPTIONS))).toBe(
      false,
    );
  });
});

describe('client properties', () => {
  it.each<[string, Record<string, string>, boolean]>([
    ['as allowed', { zone: 'a', 'rack.1': 'b' }, true],
    ['with a reserved name', { 'rocketmq.x': 'a' }, false],
    ['with a name that starts with a digit', { '1a': 'a' }, false],
    ['with a name of 65 characters', { ['a'.repeat(65)]: '' }, false],
    ['with a value of 257 characters', { a: 'v'.repeat(257) }, false],
    [
      'with 33 entries',
      Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, ''])),
      false,
    ],
    [
      'with more than 4 KiB',
      Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, 'v'.repeat(250)])),
      false,
    ],
  ])('%s', (_name, properties, expected) => {
    expect(passes(() => validateClientProperties(properties))).toBe(expected);
  });
});
