import { WireError } from './wire-error.ts';
import { WIRE_VARINT, type WireReader } from './wire-reader.ts';
import { varintBytes, writeVarintField } from './wire-writer.ts';

// google.protobuf.Timestamp and Duration share one form: seconds = 1 (int64), nanos = 2 (int32).

const SECONDS_TAG = (1 << 3) | WIRE_VARINT;
const NANOS_TAG = (2 << 3) | WIRE_VARINT;
const NANOS_PER_SECOND = 1_000_000_000;
const NANOS_PER_MS = 1_000_000;

/** From year 1 to year 9999, as protobuf says; Java's decoder throws beyond. */
const TIMESTAMP_SECONDS_MIN = -62_135_596_800;
const TIMESTAMP_SECONDS_MAX = 253_402_300_799;
/** About 10,000 years either way, as protobuf says. */
const DURATION_SECONDS_MAX = 315_576_000_000;

interface SecondsAndNanos {
  readonly seconds: number;
  readonly nanos: number;
}

/** Reads seconds and nanos from the reader's whole range. */
function readSecondsAndNanos(reader: WireReader): SecondsAndNanos {
  let seconds = 0;
  let nanos = 0;
  while (reader.hasMore) {
    const tag = reader.tag();
    if (tag === SECONDS_TAG) seconds = reader.int64();
    else if (tag === NANOS_TAG) nanos = reader.int32();
    else if (tag >>> 3 <= 2) throw new WireError('wire type of a time field', reader.position);
    else reader.skip(tag);
  }
  return { seconds, nanos };
}

/** Milliseconds since the epoch, rounded down. */
export function readTimestampMs(reader: WireReader): number {
  const start = reader.position;
  const { seconds, nanos } = readSecondsAndNanos(reader);
  const isValid =
    seconds >= TIMESTAMP_SECONDS_MIN &&
    seconds <= TIMESTAMP_SECONDS_MAX &&
    nanos >= 0 &&
    nanos < NANOS_PER_SECOND;
  if (!isValid) throw new WireError(`timestamp of ${seconds} s and ${nanos} ns`, start);
  return seconds * 1000 + Math.floor(nanos / NANOS_PER_MS);
}

/** Milliseconds, rounded towards zero. */
export function readDurationMs(reader: WireReader): number {
  const start = reader.position;
  const { seconds, nanos } = readSecondsAndNanos(reader);
  const isValid =
    Math.abs(seconds) <= DURATION_SECONDS_MAX &&
    Math.abs(nanos) < NANOS_PER_SECOND &&
    seconds * nanos >= 0;
  if (!isValid) throw new WireError(`duration of ${seconds} s and ${nanos} ns`, start);
  return seconds * 1000 + Math.trunc(nanos / NANOS_PER_MS);
}

function secondsOf(ms: number): number {
  return Math.floor(ms / 1000);
}

/** Size of a Timestamp, or of a Duration that is not negative, with both fields written. */
export function timeValueBytes(ms: number): number {
  const seconds = secondsOf(ms);
  return 2 + varintBytes(seconds) + varintBytes((ms - seconds * 1000) * NANOS_PER_MS);
}

/** Writes both fields even when 0, so that nothing of an earlier value shines through where decoders merge. */
export function writeTimeValue(target: Buffer, at: number, ms: number): number {
  const seconds = secondsOf(ms);
  const next = writeVarintField(target, at, SECONDS_TAG, seconds);
  return writeVarintField(target, next, NANOS_TAG, (ms - seconds * 1000) * NANOS_PER_MS);
}
