/**
 * The index on disk is not what was written there. An expected outcome, never an exception: the index is derived data,
 * so the answer is always to throw it away and rebuild it from the log (`QueueIndex.open` without a base).
 */
export interface IndexDamage {
  kind: 'damaged';
  /** What was found, for people. */
  reason: string;
  file: string;
  /** The entries that cannot be read; undefined when it is not known which ones they are. */
  range: { queueNo: number; startOffset: number; endOffset: number } | undefined;
}

export function indexDamage(
  reason: string,
  file: string,
  range?: { queueNo: number; startOffset: number; endOffset: number },
): IndexDamage {
  return { kind: 'damaged', reason, file, range };
}

/** How damage leaves methods whose result is something else. To be told by `code`. */
class IndexDamagedError extends Error {
  override readonly name = 'IndexDamagedError';
  readonly code = 'INDEX_DAMAGED';
  readonly damage: IndexDamage;

  constructor(damage: IndexDamage) {
    super(`the queue index is damaged: ${damage.reason} (${damage.file})`);
    this.damage = damage;
  }
}

/** Passes everything but damage. */
export function intact<T>(result: T | IndexDamage): T {
  if (isDamage(result)) throw new IndexDamagedError(result);
  return result;
}

export function isDamage(value: unknown): value is IndexDamage {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'damaged';
}
