/**
 * The rules that the API server evaluates, each with a wrong resource in test/e2e/fixtures/wrong-resources: a file has a resource
 * that is taken, and the same one made wrong, under lines that say what the refusal names. e2e applies them; here is checked that
 * every rule has one and that its message says what the file expects.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { KINDS } from '../../../../operator/api/kinds.ts';
import type { KubernetesObject } from '../../../../operator/api/object-meta.ts';
import { parseResource } from '../../../../operator/api/parse-resource.ts';
import type { CelRule, Field } from '../../../../operator/api/schema.ts';

const FOLDER = join(import.meta.dirname, '../../../e2e/fixtures/wrong-resources');

interface Wrong {
  readonly file: string;
  readonly expected: readonly string[];
  readonly right: KubernetesObject;
  readonly wrong: KubernetesObject;
}

const WRONG: readonly Wrong[] = readdirSync(FOLDER).map((file) => {
  const text = readFileSync(join(FOLDER, file), 'utf8');
  const [right, wrong] = parseAllDocuments(text).map((document) => document.toJS() as never);
  return {
    file,
    expected: [...text.matchAll(/^# expect: (.*)$/gm)].map(([, part = '']) => part),
    right: right as unknown as KubernetesObject,
    wrong: wrong as unknown as KubernetesObject,
  };
});

interface RuleOfKind extends CelRule {
  readonly kind: string;
}

function rulesBelow({ kind, rules }: Field): readonly CelRule[] {
  const children =
    kind.type === 'object' || kind.type === 'handed-on'
      ? Object.values(kind.fields)
      : kind.type === 'array' || kind.type === 'map'
        ? [kind.of]
        : [];
  return [...rules, ...children.flatMap(rulesBelow)];
}

/** Of what people write; a BrokerGroup is written by the operator only. */
const RULES: readonly RuleOfKind[] = KINDS.filter(({ kind }) => kind !== 'BrokerGroup').flatMap(
  ({ kind, spec, rules }) => [...rules, ...rulesBelow(spec)].map((rule) => ({ ...rule, kind })),
);

/** Up to the first value in the message. */
const saysSame = (rule: CelRule, part: string): boolean =>
  rule.message.includes(part) || (rule.messageExpression ?? '').includes(part);

describe('rules of the API server', () => {
  it.each(RULES)('$message', ({ kind, message, rule }) => {
    const isOfOptions = rule.includes('store.cacheBytes');
    const files = WRONG.filter(
      ({ wrong, expected }) =>
        wrong.kind === kind &&
        (isOfOptions
          ? expected.some((part) => part.startsWith('spec.options: '))
          : expected.some((part) => part.length > 24 && message.includes(part))),
    );
    expect(files.map(({ file }) => file)).not.toEqual([]);
  });

  it.each(RULES)('name field and reason: $message', ({ message, fieldPath }) => {
    expect(message).toMatch(
      /^(spec|metadata|listeners|template|resources)\..* (must|cannot|needs?|is|has) /,
    );
    const field = fieldPath?.slice(1);
    if (field !== undefined) expect(message.replaceAll('.', ' ')).toContain(field.split('.')[0]);
  });

  it('compare with the past only what cannot be taken back', () => {
    const transitions = RULES.filter(({ rule }) => rule.includes('oldSelf'));
    const fields = transitions.map(({ kind, message }) => `${kind} ${message.split(' ')[0] ?? ''}`);
    expect(fields.sort()).toEqual([
      'BrokerCluster spec.storage.size',
      'BrokerCluster spec.storage.storageClassName',
      'ConsumerGroup spec.clusterRef.name',
      'ConsumerGroup spec.name',
      'Topic spec.clusterRef.name',
      'Topic spec.name',
      'Topic spec.queuesPerGroup',
    ]);
  });
});

describe('wrong resources', () => {
  it('are more than twenty', () => {
    expect(WRONG.length).toBeGreaterThanOrEqual(20);
  });

  it.each(WRONG)('$file differs from a right one, and says what is expected', (wrong) => {
    expect(wrong.expected).not.toEqual([]);
    expect(wrong.wrong).not.toEqual(wrong.right);
    expect(parseResource(wrong.right.kind as 'Topic', wrong.right).ok).toBe(true);
  });

  it.each(WRONG)('$file expects words of a rule, or of the schema', ({ wrong, expected }) => {
    const known = RULES.filter(({ kind }) => kind === wrong.kind);
    const ofSchema =
      /^(spec\.|env\[0\]|"|[{])|^(should match|Required value|must be of type|Unsupported value|greater than|unknown field)/;
    for (const part of expected) {
      expect(ofSchema.test(part) || known.some((rule) => saysSame(rule, part))).toBe(true);
    }
  });
});
