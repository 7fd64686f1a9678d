import { WIRE_BYTES, WireReader } from '../../common/wire/wire-reader.ts';

const FIRST_BYTES_FIELD = (1 << 3) | WIRE_BYTES;
const CODE_TAG = 1 << 3;

/**
 * The code of the Status with which an answer begins; undefined when it begins with something else. All our responses and those
 * of the public protocol have their Status as field 1, which encoders write first.
 */
export function answerCode(answer: Buffer): number | undefined {
  if (answer[0] !== FIRST_BYTES_FIELD) return undefined;
  const reader = new WireReader(answer, 1);
  const end = reader.length() + reader.position;
  if (reader.position >= end || reader.tag() !== CODE_TAG) return undefined;
  return reader.int32();
}
