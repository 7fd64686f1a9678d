/** What the store looks at in an object; every object of the API has it. */
export interface StoredObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
}

/** What a watcher is told. An object that was deleted and made again under its name is a `deleted` and an `added`. */
export type StoreChange<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T };

/** `namespace/name`, or `name` of what is in no namespace. */
export function objectKey(object: StoredObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/**
 * The objects of one kind as last seen, by name, by owner and by label. Names are used again, so that the UID decides
 * whether two objects are the same one. Versions are compared for equality only: they have no order that a client may rely
 * on. Bound: the objects of the kind that match the selector.
 */
export class ObjectStore<T extends StoredObject> {
  readonly #byKey = new Map<string, T>();
  readonly #byOwner = new Map<string, Set<string>>();
  readonly #byLabel = new Map<string, Set<string>>();

  get size(): number {
    return this.#byKey.size;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#byKey.get(namespace === undefined ? name : `${namespace}/${name}`);
  }

  getByKey(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  all(): T[] {
    return [...this.#byKey.values()];
  }

  /** Objects with an owner reference to this UID. */
  ownedBy(uid: string): T[] {
    return this.#objects(this.#byOwner.get(uid));
  }

  labelled(label: string, value: string): T[] {
    return this.#objects(this.#byLabel.get(`${label}=${value}`));
  }

  /** An object that exists. Empty when it is known in this version already: reconnected watches repeat themselves. */
  put(object: T): StoreChange<T>[] {
    const key = objectKey(object);
    const previous = this.#byKey.get(key);
    if (previous === undefined) {
      this.#insert(key, object);
      return [{ type: 'added', object }];
    }
    if (!isSame(previous, object)) {
      this.#drop(key, previous);
      this.#insert(key, object);
      return [
        { type: 'deleted', object: previous },
        { type: 'added', object },
      ];
    }
    if (previous.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    this.#drop(key, previous);
    this.#insert(key, object);
    return [{ type: 'updated', object, previous }];
  }

  /** An object that was deleted, in its last state. Its successor under the same name stays. */
  remove(object: T): StoreChange<T>[] {
    const key = objectKey(object);
    const known = this.#byKey.get(key);
    if (known === undefined || !isSame(known, object)) return [];
    this.#drop(key, known);
    return [{ type: 'deleted', object }];
  }

  /** All objects that exist: what is not among them was deleted while nobody looked. */
  replaceAll(objects: readonly T[]): StoreChange<T>[] {
    const present = new Set(objects.map(objectKey));
    const gone = [...this.#byKey].filter(([key]) => !present.has(key));
    const deletions = gone.map(([key, object]): StoreChange<T> => {
      this.#drop(key, object);
      return { type: 'deleted', object };
    });
    return [...deletions, ...objects.flatMap((object) => this.put(object))];
  }

  #objects(keys: ReadonlySet<string> | undefined): T[] {
    return [...(keys ?? [])].flatMap((key) => this.#byKey.get(key) ?? []);
  }

  #insert(key: string, object: T): void {
    this.#byKey.set(key, object);
    for (const uid of ownersOf(object)) addTo(this.#byOwner, uid, key);
    for (const label of labelsOf(object)) addTo(this.#byLabel, label, key);
  }

  #drop(key: string, object: T): void {
    this.#byKey.delete(key);
    for (const uid of ownersOf(object)) removeFrom(this.#byOwner, uid, key);
    for (const label of labelsOf(object)) removeFrom(this.#byLabel, label, key);
  }
}

const isSame = (a: StoredObject, b: StoredObject): boolean => a.metadata.uid === b.metadata.uid;

const ownersOf = ({ metadata }: StoredObject): string[] =>
  (metadata.ownerReferences ?? []).map(({ uid }) => uid);

const labelsOf = ({ metadata }: StoredObject): string[] =>
  Object.entries(metadata.labels ?? {}).map(([label, value]) => `${label}=${value}`);

function addTo(index: Map<string, Set<string>>, at: string, key: string): void {
  const keys = index.get(at);
  if (keys === undefined) index.set(at, new Set([key]));
  else keys.add(key);
}

function removeFrom(index: Map<string, Set<string>>, at: string, key: string): void {
  const keys = index.get(at);
  keys?.delete(key);
  if (keys?.size === 0) index.delete(at);
}
