/**
 * Which fields of an object the API server still counts as ours. Server-side apply keeps, per field manager, the set of
 * fields that it has set (`managedFields`, the format of structured-merge-diff); whoever changes or removes one of them by
 * other means takes it out of that set. So a field that we apply and do not own has drifted, and no value needs to be
 * compared, which could not be done right: the server rewrites quantities, adds defaults and orders lists.
 */

/** A set of fields: `f:name` of a map, `k:{…}` of a list by keys, `v:…` of a set, `.` the thing itself. */
export interface FieldSet {
  readonly [member: string]: FieldSet;
}

export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: object;
}

/** What identifies an object; nobody owns it. */
const IDENTITY = new Set(['apiVersion', 'kind']);
const META_IDENTITY = new Set([
  ...['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp'],
  ...['selfLink', 'managedFields'],
]);

/** The fields that `manager` has applied (not those of its status). Undefined: it never applied. */
export function appliedFields(
  entries: readonly ManagedFieldsEntry[] | undefined,
  manager: string,
  subresource = '',
): FieldSet | undefined {
  const entry = entries?.find(
    (candidate) =>
      candidate.manager === manager &&
      candidate.operation === 'Apply' &&
      (candidate.subresource ?? '') === subresource,
  );
  return entry?.fieldsV1 as FieldSet | undefined;
}

/** Paths of `desired` that are not in the set: what somebody else has changed since it was applied. */
export function driftedFields(desired: object, owned: FieldSet): string[] {
  return Object.entries(desired).flatMap(([name, value]: [string, unknown]) => {
    if (value === undefined || IDENTITY.has(name)) return [];
    if (name === 'metadata') return driftedMetadata(value as object, owned['f:metadata'] ?? {});
    return drifted(value, owned[`f:${name}`], name);
  });
}

function driftedMetadata(metadata: object, owned: FieldSet): string[] {
  return Object.entries(metadata).flatMap(([name, value]: [string, unknown]) =>
    value === undefined || META_IDENTITY.has(name)
      ? []
      : drifted(value, owned[`f:${name}`], `metadata.${name}`),
  );
}

function drifted(value: unknown, owned: FieldSet | undefined, path: string): string[] {
  if (value === null || value === undefined) return [];
  if (owned === undefined) return isEmpty(value) ? [] : [path];
  // A leaf of the set is owned as a whole, whatever it holds: a scalar, or a list or map that is one value (atomic).
  if (Object.keys(owned).length === 0) return [];
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) => driftedItem(item, owned, `${path}[${index}]`));
  }
  if (typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) =>
    drifted(member, owned[`f:${name}`], `${path}.${name}`),
  );
}

function driftedItem(item: unknown, owned: FieldSet, path: string): string[] {
  for (const [member, below] of Object.entries(owned)) {
    const identity = parseMember(member);
    if (identity === undefined || !matches(item, identity)) continue;
    // The set of an item is never a leaf (its "." is in it), so that what it lacks is found.
    return identity.kind === 'value' ? [] : drifted(item, below, path);
  }
  return [path];
}

type Identity =
  | { readonly kind: 'keys'; readonly keys: Readonly<Record<string, unknown>> }
  | { readonly kind: 'value'; readonly value: unknown };

function parseMember(member: string): Identity | undefined {
  if (member.startsWith('k:')) {
    return { kind: 'keys', keys: JSON.parse(member.slice(2)) as Record<string, unknown> };
  }
  if (member.startsWith('v:')) return { kind: 'value', value: JSON.parse(member.slice(2)) };
  return undefined;
}

/** Keys that the item leaves out have their default, such as `protocol: TCP` of a port; they do not tell items apart here. */
function matches(item: unknown, identity: Identity): boolean {
  if (identity.kind === 'value') return JSON.stringify(item) === JSON.stringify(identity.value);
  if (typeof item !== 'object' || item === null) return false;
  const record = item as Readonly<Record<string, unknown>>;
  const named = Object.entries(identity.keys).filter(([key]) => record[key] !== undefined);
  return named.length > 0 && named.every(([key, value]) => record[key] === value);
}

/** An empty list or map that the server keeps no field for. */
function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
