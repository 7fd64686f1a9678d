/** Why an expression cannot be used, in words for the person who wrote it. */
export interface FilterRefusal {
  readonly refused: string;
}

const SUBSCRIBE_ALL = '*';
/** Bound on the tags of one expression. */
const TAGS_PER_FILTER_MAX = 256;

/** `A || B`, or `*` for everything. Two filters with the same `key` select the same messages. */
export interface TagFilter {
  /** Canonical expression: tags sorted, one separator. */
  readonly key: string;
  /** undefined = every message, tagged or not. */
  readonly tags: ReadonlySet<string> | undefined;
  /** Hashes of `tags` as they stand in the queue index. */
  readonly hashes: ReadonlySet<number>;
}

const ALL_MESSAGES: TagFilter = { key: SUBSCRIBE_ALL, tags: undefined, hashes: new Set() };

/** Reads a tag expression; an empty one means everything, as in every client. `hash` is the index's tag hash. */
export function parseTagFilter(
  expression: string,
  hash: (tag: string) => number,
): TagFilter | FilterRefusal {
  const trimmed = expression.trim();
  if (trimmed === '' || trimmed === SUBSCRIBE_ALL) return ALL_MESSAGES;
  const tags = trimmed.split('||').map((tag) => tag.trim());
  if (tags.includes(SUBSCRIBE_ALL)) return ALL_MESSAGES;
  if (tags.some((tag) => tag === '' || tag.includes('|'))) {
    return {
      refused: `tag expression '${expression}' has an empty tag or a single '|'; write 'A || B'`,
    };
  }
  const unique = [...new Set(tags)].sort();
  if (unique.length > TAGS_PER_FILTER_MAX) {
    return {
      refused: `tag expression has ${unique.length} tags, at most ${TAGS_PER_FILTER_MAX} are allowed`,
    };
  }
  return { key: unique.join(' || '), tags: new Set(unique), hashes: new Set(unique.map(hash)) };
}

/** Quick check on the index entry; a hash may collide, so a positive answer is confirmed on the message's own tag. */
export function mayMatch(filter: TagFilter, tagHash: number): boolean {
  return filter.tags === undefined || filter.hashes.has(tagHash);
}

export function matches(filter: TagFilter, tag: string | undefined): boolean {
  return filter.tags === undefined || (tag !== undefined && filter.tags.has(tag));
}
