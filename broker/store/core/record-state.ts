/** What is found where a record should start; the first that applies, top down. */
export type RecordState =
  | 'short-header' // fewer than HEADER_BYTES are left
  | 'zero-header' // the header is all zeros: a file extended but never written
  | 'bad-length' // no record can have this length
  | 'short-body' // the record would end beyond the bytes there are
  | 'bad-crc'
  | 'wrong-position' // intact, but it was written for another offset
  | 'bad-version' // intact and in place, of a framing this program does not know
  | 'bad-type' // intact and in place, of a type this program does not know
  | 'ok';
