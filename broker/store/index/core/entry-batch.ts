/**
 * Index entries of one queue on their way to a reader: preallocated columns that a caller keeps and reuses, so that
 * reading makes no object per message. Entry `i` belongs to queue offset `startOffset + i`.
 */
export class EntryBatch {
  readonly capacity: number;
  /** Queue offset of entry 0. */
  startOffset = 0;
  /** Entries that are filled in. */
  count = 0;
  readonly physical: Float64Array;
  readonly bytes: Uint32Array;
  readonly tagHash: Uint32Array;
  readonly flags: Uint16Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.physical = new Float64Array(capacity);
    this.bytes = new Uint32Array(capacity);
    this.tagHash = new Uint32Array(capacity);
    this.flags = new Uint16Array(capacity);
  }
}
