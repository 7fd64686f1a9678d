import { assert } from '../../../common/assert.ts';
import type { Broker } from '../../../broker/broker.ts';
import { captureState, SECTION } from '../../../broker/state/state-snapshot.ts';
import { physicalOffset } from '../../../common/model/offsets.ts';

/** Bytes of the logs that are compared at once. */
const COMPARED_BYTES = 64 * 1024;

/**
 * Asserts that all members of a group have the same log, byte for byte, and the same state of it. All of them have folded the
 * same; while their states are written down nothing happens.
 */
export async function checkEqualMembers(brokers: ReadonlyMap<string, Broker>): Promise<void> {
  const isDeleted = deletedSomewhere([...brokers.values()]);
  const captured = [...brokers].map(([name, broker]) => {
    const end = broker.foldedOffset;
    return { name, broker, end, text: stateText(broker, isDeleted) };
  });
  const [first, ...others] = captured;
  if (first === undefined) return;
  for (const other of others) {
    const names = `${first.name} and ${other.name}`;
    assert(first.end === other.end, `${names} have folded up to ${first.end} and ${other.end}`);
    assert(
      first.text === other.text,
      `${names} have another state: ${difference(first.text, other.text)}`,
    );
  }
  for (const { name, broker } of others)
    await checkEqualLogs(`${first.name} and ${name}`, first.broker, broker, first.end);
}

type IsDeleted = (queueNo: number, offset: number) => boolean;

/** Each member deletes old messages by itself, a little sooner or later than the others. */
function deletedSomewhere(brokers: readonly Broker[]): IsDeleted {
  return (queueNo, offset) =>
    brokers.some(({ services }) => offset < services.state.index.minOffset(queueNo));
}

async function checkEqualLogs(
  names: string,
  a: Broker,
  b: Broker,
  endOffset: number,
): Promise<void> {
  for (let at: number = Math.max(a.log.startOffset, b.log.startOffset); at < endOffset;) {
    const [bytes, others] = await Promise.all([
      a.log.readBatch(physicalOffset(at), COMPARED_BYTES),
      b.log.readBatch(physicalOffset(at), COMPARED_BYTES),
    ]);
    const length = Math.min(bytes.length, others.length);
    assert(length > 0, `the logs of ${names} cannot be read at ${at}`);
    const isEqual = bytes.subarray(0, length).equals(others.subarray(0, length));
    assert(isEqual, `the logs of ${names} differ in [${at}, ${at + length})`);
    at += length;
  }
}

/** Everything that was folded, as text. */
function stateText({ services }: Broker, isDeleted: IsDeleted): string {
  const { state } = services;
  const lines: string[] = [`folded ${state.foldedOffset}`];
  for (const { kind, payload } of captureState(state, () => [])) {
    if (kind === SECTION.relocations) continue;
    const isJson = payload[0] === 0x7b;
    lines.push(
      `${kind} ${isJson ? normalized(payload, services, isDeleted) : payload.toString('base64')}`,
    );
  }
  lines.sort();
  return lines.join('\n');
}

interface ProgressImage {
  readonly queueNo: number;
  readonly committed: number;
  readonly pending?: [number, number, number][];
  readonly done?: [number, number, string];
}

/**
 * The same progress has several forms: redeliveries in any order, offsets that are done as bits from anywhere on, and of what
 * retention has deleted nothing matters. What means something is which messages are left.
 */
function normalized(json: Buffer, { state }: Broker['services'], isDeleted: IsDeleted): string {
  const image = JSON.parse(json.toString()) as { items: { queues?: ProgressImage[] }[] };
  const items = image.items.map(({ queues = [], ...rest }) => ({
    ...rest,
    queues: queues.map((queue) => {
      const { queueNo, pending = [] } = queue;
      const left = restOf(queue, state.index.endOffset(queueNo));
      return {
        queueNo,
        rest: left.filter((offset) => !isDeleted(queueNo, offset)),
        pending: pending
          .filter(([offset]) => !isDeleted(queueNo, offset))
          .sort(([a], [b]) => a - b),
      };
    }),
  }));
  return JSON.stringify({ ...image, items });
}

function restOf({ committed, done }: ProgressImage, end: number): number[] {
  const [base, doneEnd, bits] = done ?? [0, 0, ''];
  const bytes = Buffer.from(bits, 'base64');
  const isDone = (offset: number): boolean => {
    const bit = offset - base;
    return offset < doneEnd && bit >= 0 && (((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1;
  };
  const rest: number[] = [];
  for (let offset = committed; offset < end; offset++) if (!isDone(offset)) rest.push(offset);
  return rest;
}

function difference(a: string, b: string): string {
  const [linesA, linesB] = [a.split('\n'), b.split('\n')];
  const at = linesA.findIndex((line, i) => line !== linesB[i]);
  return `\n  ${linesA[at]}\n  ${linesB[at]}`;
}
