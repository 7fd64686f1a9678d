import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import protobuf from 'protobufjs';

/** A published client, with the definitions that it was generated from. */
const PUBLISHED_ROOT = join(
  dirname(createRequire(import.meta.url).resolve('rocketmq-client-nodejs/package.json')),
  'proto',
);
const OUR_ROOT = join(import.meta.dirname, '../../../proto');
const FILES = ['definition', 'service', 'admin'].map((name) => `apache/rocketmq/v2/${name}.proto`);
const PACKAGE = 'apache.rocketmq.v2';

/** What we have that the published client (1.0.8) does not know yet. Nothing else may differ. */
const NEWER_FIELDS = ['Settings.client_properties = 9'];
const NEWER_VALUES = ['Code.INVALID_CLIENT_PROPERTIES = 40021'];
/** The published Admin service has this one method; all its other methods, and their types, are newer. */
const PUBLISHED_ADMIN_METHODS = ['ChangeLogLevel'];

function load(root: string): protobuf.Namespace {
  const loaded = new protobuf.Root();
  loaded.resolvePath = (_origin, target) =>
    target.startsWith('google/') ? target : join(root, target);
  loaded.loadSync(FILES, { keepCase: true });
  loaded.resolveAll();
  return loaded.lookup(PACKAGE) as protobuf.Namespace;
}

/** One line for each thing that decides the wire form or the generated names of other languages. */
interface Facts {
  fields: string[];
  values: string[];
  methods: string[];
}

function typeName(field: protobuf.Field): string {
  const name = field.resolvedType === null ? field.type : field.resolvedType.fullName;
  return field instanceof protobuf.MapField ? `map<${field.keyType}, ${name}>` : name;
}

function fieldFact(owner: string, field: protobuf.Field): string {
  const oneof = field.partOf === null ? '' : ` oneof ${field.partOf.name}`;
  const presence = field.repeated
    ? 'repeated'
    : field.options?.['proto3_optional'] === true
      ? 'optional'
      : '';
  return `${owner}.${field.name} = ${field.id} ${presence} ${typeName(field)}${oneof}`;
}

function collect(
  namespace: protobuf.NamespaceBase,
  facts: Facts = { fields: [], values: [], methods: [] },
): Facts {
  for (const object of namespace.nestedArray) {
    const name = object.fullName.slice(PACKAGE.length + 2);
    if (object instanceof protobuf.Enum) {
      facts.values.push(
        ...Object.entries(object.values).map(([key, value]) => `${name}.${key} = ${value}`),
      );
    } else if (object instanceof protobuf.Service) {
      for (const method of object.methodsArray) {
        const { requestStream = false, responseStream = false, requestType, responseType } = method;
        facts.methods.push(
          `${name}.${method.name}(${requestStream ? 'stream ' : ''}${requestType}) ${responseStream ? 'stream ' : ''}${responseType}`,
        );
      }
    } else if (object instanceof protobuf.Type) {
      facts.fields.push(...object.fieldsArray.map((field) => fieldFact(name, field)));
      collect(object, facts);
    }
  }
  return facts;
}

const ours = collect(load(OUR_ROOT));
const published = collect(load(PUBLISHED_ROOT));

function missing(from: readonly string[], of: readonly string[]): string[] {
  return of.filter((fact) => !from.includes(fact));
}

/** Types that only newer Admin methods use; the published client has none of them. */
function isOfPublishedType(fact: string): boolean {
  const owner = fact.slice(0, fact.indexOf('.'));
  return [...published.fields, ...published.values].some((known) => known.startsWith(`${owner}.`));
}

describe('our definitions against those of a published client', () => {
  it('comparing covers the whole published API', () => {
    expect(published.fields.length).toBeGreaterThan(200);
    expect(published.values.length).toBeGreaterThan(100);
    expect(
      published.methods.filter((method) => method.startsWith('MessagingService.')),
    ).toHaveLength(17);
  });

  it('every published field, enum value and method is ours too, with number, type, presence and oneof', () => {
    expect(missing(ours.fields, published.fields)).toEqual([]);
    expect(missing(ours.values, published.values)).toEqual([]);
    expect(missing(ours.methods, published.methods)).toEqual([]);
  });

  it('what is ours alone is newer than the published client, and listed', () => {
    const newerFields = missing(published.fields, ours.fields).filter(isOfPublishedType);
    expect(newerFields.map((fact) => fact.replace(/( = \d+) .*/, '$1'))).toEqual(NEWER_FIELDS);
    expect(missing(published.values, ours.values).filter(isOfPublishedType)).toEqual(NEWER_VALUES);
    expect(
      missing(published.methods, ours.methods).every((method) => method.startsWith('Admin.')),
    ).toBe(true);
    const adminMethods = published.methods.filter((method) => method.startsWith('Admin.'));
    expect(
      adminMethods.map((method) => method.slice('Admin.'.length, method.indexOf('('))),
    ).toEqual(PUBLISHED_ADMIN_METHODS);
  });

  it('the Admin service has its 16 methods', () => {
    expect(ours.methods.filter((method) => method.startsWith('Admin.'))).toHaveLength(16);
  });
});
