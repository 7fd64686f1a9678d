import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ObjectStore, type StoreChange } from '../../../../../operator/kube/core/object-store.ts';

interface Thing {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
}

const thing = (name: string, uid: string, version: number, more = {}): Thing => ({
  metadata: { name, namespace: 'n', uid, resourceVersion: String(version), ...more },
});
const told = (changes: readonly StoreChange<Thing>[]) =>
  changes.map(({ type, object }) => `${type} ${object.metadata.name} ${object.metadata.uid}`);

describe('the store', () => {
  it('tells an object made anew under its name from one that changed, by its UID', () => {
    const store = new ObjectStore<Thing>();
    expect(told(store.put(thing('a', '1', 1)))).toEqual(['added a 1']);
    expect(told(store.put(thing('a', '1', 2)))).toEqual(['updated a 1']);
    expect(told(store.put(thing('a', '2', 3)))).toEqual(['deleted a 1', 'added a 2']);
  });

  it('is silent about what it knows already', () => {
    const store = new ObjectStore<Thing>();
    store.put(thing('a', '1', 1));
    expect(store.put(thing('a', '1', 1))).toEqual([]);
  });

  it('does not delete the successor of the object whose end it hears of late', () => {
    const store = new ObjectStore<Thing>();
    store.put(thing('a', '2', 5));
    expect(store.remove(thing('a', '1', 4))).toEqual([]);
    expect(store.get('n', 'a')?.metadata.uid).toBe('2');
  });

  it('finds in a list what was deleted, changed and made anew while nobody looked', () => {
    const store = new ObjectStore<Thing>();
    store.replaceAll([thing('a', '1', 1), thing('b', '2', 2), thing('c', '3', 3)]);
    const changes = store.replaceAll([thing('b', '2', 9), thing('c', '4', 8), thing('d', '5', 7)]);
    expect(told(changes)).toEqual([
      'deleted a 1',
      'updated b 2',
      'deleted c 3',
      'added c 4',
      'added d 5',
    ]);
  });

  it('keeps its indexes by owner and label as it changes', () => {
    const operation = fc.tuple(
      fc.constantFrom('a', 'b', 'c'),
      fc.constantFrom('put', 'remove', 'list'),
      fc.nat(3),
      fc.nat(2),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 50 }), (operations) => {
        const store = new ObjectStore<Thing>();
        let version = 0;
        for (const [name, kind, owner, label] of operations) {
          const object = thing(name, `${name}${owner % 2}`, ++version, {
            labels: { role: String(label) },
            ownerReferences: [{ uid: String(owner) }],
          });
          if (kind === 'put') store.put(object);
          else if (kind === 'remove') store.remove(object);
          else store.replaceAll([object]);
        }
        for (const owner of ['0', '1', '2', '3']) {
          const expected = store
            .all()
            .filter(({ metadata }) => metadata.ownerReferences?.[0]?.uid === owner);
          expect(new Set(store.ownedBy(owner))).toEqual(new Set(expected));
        }
        for (const role of ['0', '1', '2']) {
          const expected = store.all().filter(({ metadata }) => metadata.labels?.['role'] === role);
          expect(new Set(store.labelled('role', role))).toEqual(new Set(expected));
        }
      }),
    );
  });
});
