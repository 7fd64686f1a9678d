import { assert } from '../../../common/assert.ts';
import type { Broker } from '../../../broker/broker.ts';
import { captureState, SECTION } from '../../../broker/state/state-snapshot.ts';
import { physicalOffset } from '../../../common/model/offsets.ts';

/** Bytes of the logs that are compared at once. */
const COMPARED_BYTES = 64 * 1024;

/** Asserts that all members of a group have the same log, byte for byte, and the same state of it. */
export async function checkEqualMembers(brokers: ReadonlyMap<string, Broker>): Promise<void> {
  const [first, ...others] = [...brokers];
  if (first === undefined) return;
  const [firstName, firstBroker] = first;
  const isDeleted = deletedSomewhere([...brokers.values()]);
  const text = await stateText(firstBroker, isDeleted);
  for (const [name, broker] of others) {
    const names = `${firstName} and ${name}`;
    await checkEqualLogs(names, firstBroker, broker);
    const other = await stateText(broker, isDeleted);
    assert(
      text === other,
      `${names} have the same log and another state: ${difference(text, other)}`,
    );
  }
}

type IsDeleted = (queueNo: number, offset: number) => boolean;

/** Each member deletes old messages by itself, a little sooner or later than the others. */
function deletedSomewhere(brokers: readonly Broker[]): IsDeleted {
  return (queueNo, offset) =>
    brokers.some(({ services }) => offset < services.state.index.minOffset(queueNo));
}

async function checkEqualLogs(names: string, a: Broker, b: Broker): Promise<void> {
  const { endOffset } = a.log;
  assert(
    endOffset === b.log.endOffset,
    `the logs of ${names} end at ${endOffset} and ${b.log.endOffset}`,
  );
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
async function stateText({ services }: Broker, isDeleted: IsDeleted): Promise<string> {
  const { state, locator } = services;
  const lines: string[] = [`folded ${state.foldedOffset}`];
  for (const { kind, payload } of captureState(state, () => [])) {
    if (kind === SECTION.relocations) continue;
    const isJson = payload[0] === 0x7b;
    lines.push(
      `${kind} ${isJson ? normalized(payload, services, isDeleted) : payload.toString('base64')}`,
    );
  }
  lines.sort();
  for (const topic of [...state.topics.all()].sort((x, y) => x.id - y.id)) {
    for (const queueNo of topic.queueNos) {
      const end = state.index.endOffset(queueNo);
      for (let offset = state.index.minOffset(queueNo); offset < end; offset++) {
        if (isDeleted(queueNo, offset)) continue;
        const entry = await locator.entry(queueNo, offset);
        lines.push(`${topic.config.name} ${queueNo}/${offset} at ${entry?.physical}`);
      }
    }
  }
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
