/** Checks of single fields between nodes: what makes no sense is refused with the rpc and the field named. */
import { MqError } from '../errors/mq-error.ts';
import { epoch, type Epoch } from '../model/offsets.ts';

/** How the fields of one rpc are read. Every method throws `request-malformed` when the value makes no sense. */
export class WireValues {
  readonly #rpc: string;

  constructor(rpc: string) {
    this.#rpc = rpc;
  }

  text(value: string | null | undefined, field: string): string {
    if (!value) throw this.malformed(`${field} is missing`);
    return value;
  }

  /** A count, an offset or a duration: 0 when absent. */
  count(value: number | null | undefined, field: string): number {
    const given = value ?? 0;
    if (Number.isSafeInteger(given) && given >= 0) return given;
    throw this.malformed(`${field} is ${given}`);
  }

  /** A count of at least 1. */
  positive(value: number | null | undefined, field: string): number {
    const given = this.count(value, field);
    if (given === 0) throw this.malformed(`${field} is 0`);
    return given;
  }

  /** May be negative: time that is left, or -1 for what is not known. */
  integer(value: number | null | undefined, field: string): number {
    const given = value ?? 0;
    if (Number.isSafeInteger(given)) return given;
    throw this.malformed(`${field} is ${given}`);
  }

  epoch(value: number | null | undefined, field: string): Epoch {
    const given = this.count(value, field);
    if (given >= 2 ** 32) throw this.malformed(`${field} is ${given}`);
    return epoch(given);
  }

  /** At least 1: epoch 0 is the time before the first master. */
  termEpoch(value: number | null | undefined, field: string): Epoch {
    const given = this.epoch(value, field);
    if (given === 0) throw this.malformed(`${field} is 0`);
    return given;
  }

  present<Value>(value: Value | null | undefined, field: string): Value {
    if (value === undefined || value === null) throw this.malformed(`${field} is missing`);
    return value;
  }

  /** Names without repetition, none of them empty. */
  names(values: readonly string[] | null | undefined, field: string): readonly string[] {
    const given = values ?? [];
    if (given.includes('')) throw this.malformed(`${field} has an empty name`);
    if (new Set(given).size < given.length) throw this.malformed(`${field} names one twice`);
    return given;
  }

  /** Place in `choices`, counted from 1 as enums of proto3 are. */
  choice<Choice>(
    choices: readonly Choice[],
    value: number | null | undefined,
    field: string,
  ): Choice {
    const choice = choices[(value ?? 0) - 1];
    if (choice === undefined) throw this.malformed(`${field} is ${value ?? 0}`);
    return choice;
  }

  /** What `decode` of a generated type gives; bytes that are none of it are refused too. */
  decoded<Message>(type: { decode(bytes: Uint8Array): Message }, bytes: Uint8Array): Message {
    try {
      return type.decode(bytes);
    } catch (error) {
      throw new MqError('request-malformed', { rpc: this.#rpc, reason: textOf(error) }, error);
    }
  }

  malformed(reason: string): MqError {
    return new MqError('request-malformed', { rpc: this.#rpc, reason });
  }
}

/** protobufjs throws RangeError and Error; only the text is of use to whoever reads it. */
function textOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : String(error);
}
