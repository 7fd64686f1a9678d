import { describe, expect, it } from '@jest/globals';
import { LineSplitter } from '../../../../../operator/kube/core/line-splitter.ts';
import { appliedFields, driftedFields } from '../../../../../operator/kube/core/owned-fields.ts';

/** As a real server has it for the object below. */
const OWNED = {
  'f:metadata': { 'f:labels': { 'f:app': {} } },
  'f:spec': {
    'f:replicas': {},
    'f:template': {
      'f:spec': {
        'f:containers': {
          'k:{"name":"broker"}': {
            '.': {},
            'f:args': {},
            'f:name': {},
            'f:ports': {
              'k:{"containerPort":8081,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
            },
          },
        },
      },
    },
  },
};

const desired = (change: object = {}, container: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 's', namespace: 'n', labels: { app: 'x' } },
  spec: {
    replicas: 1,
    template: {
      spec: {
        containers: [
          { name: 'broker', args: ['a', 'b'], ports: [{ containerPort: 8081 }], ...container },
        ],
      },
    },
    ...change,
  },
});

describe('drift', () => {
  it('is none while the server counts every field as ours, with defaults and keys of lists', () => {
    expect(driftedFields(desired(), OWNED)).toEqual([]);
  });

  it('is a field that somebody else has changed or removed', () => {
    const { 'f:template': template } = OWNED['f:spec'];
    const spec = { 'f:template': template };
    expect(driftedFields(desired(), { ...OWNED, 'f:spec': spec })).toEqual(['spec.replicas']);
    expect(driftedFields(desired(), { 'f:spec': OWNED['f:spec'] })).toEqual(['metadata.labels']);
    expect(driftedFields(desired({}, { image: 'y' }), OWNED)).toEqual([
      'spec.template.spec.containers[0].image',
    ]);
  });

  it('is an item of a list that is gone', () => {
    const more = { ports: [{ containerPort: 8081 }, { containerPort: 5557 }] };
    expect(driftedFields(desired({}, more), OWNED)).toEqual([
      'spec.template.spec.containers[0].ports[1]',
    ]);
  });

  it('knows sets and values that are one', () => {
    const owned = { 'f:metadata': { 'f:finalizers': { 'v:"a"': {} } }, 'f:data': {} };
    const object = { metadata: { name: 'x', finalizers: ['a', 'b'] }, data: { k: 'v' } };
    expect(driftedFields(object, owned)).toEqual(['metadata.finalizers[1]']);
  });

  it('asks only for what this manager has applied, not for its status', () => {
    const entries = [
      { manager: 'm', operation: 'Update', fieldsV1: { a: {} } },
      { manager: 'm', operation: 'Apply', subresource: 'status', fieldsV1: { b: {} } },
      { manager: 'm', operation: 'Apply', fieldsV1: { c: {} } },
    ];
    expect(appliedFields(entries, 'm')).toEqual({ c: {} });
    expect(appliedFields(entries, 'm', 'status')).toEqual({ b: {} });
    expect(appliedFields(entries, 'x')).toBeUndefined();
  });
});

describe('lines', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  it('come whole, wherever the stream is cut, also inside a character', () => {
    const stream = bytes('{"a":"ä€"}\n\n{"b":2}\nrest');
    for (let size = 1; size <= stream.length; size++) {
      const splitter = new LineSplitter(100);
      const lines: string[] = [];
      for (let at = 0; at < stream.length; at += size) {
        lines.push(...(splitter.push(stream.subarray(at, at + size)) ?? ['too long']));
      }
      expect(lines).toEqual(['{"a":"ä€"}', '{"b":2}']);
    }
  });

  it('have a bound', () => {
    const splitter = new LineSplitter(4);
    expect(splitter.push(bytes('abcd\nab'))).toEqual(['abcd']);
    expect(splitter.push(bytes('cde'))).toBeUndefined();
  });
});
