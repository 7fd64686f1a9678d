import { RpcError } from '../../../common/rpc/rpc-error.ts';
import type { ServiceTable } from '../../../common/rpc/service-table.ts';
import type { World } from '../world.ts';

export const READ_PATH = '/simulation.GroupStore/Read';
export const SWAP_PATH = '/simulation.GroupStore/Swap';

/**
 * `silent` neither does nor answers, `forgets-to-answer` does and does not answer: whoever asked cannot tell the two apart.
 * `slow` answers late, sometimes with what was true when it was asked.
 */
export type StoreBehaviour = 'sound' | 'slow' | 'silent' | 'refuses' | 'forgets-to-answer';

interface StoredObject {
  /** 0: there is none. */
  readonly version: number;
  readonly bytes: Buffer;
}

const NONE: StoredObject = { version: 0, bytes: Buffer.alloc(0) };

export interface SwapRequest {
  readonly name: string;
  /** 0: there must be none. */
  readonly version: number;
  readonly text: string;
}

/** What is there now; `isDone` is false if it is there instead of what was to be stored. */
export interface StoreAnswer extends StoredObject {
  readonly isDone: boolean;
}

/** The API server: objects by name, changed by compare-and-swap of their version. Its machine never fails, its manners do. */
export class GroupStoreNode {
  behaviour: StoreBehaviour = 'sound';
  readonly #objects = new Map<string, StoredObject>();
  readonly #world: World;
  swaps = 0;
  /** Told after each change: the moments at which it matters most who hears of it. */
  onSwap: (name: string, text: string) => void = () => undefined;

  constructor(world: World) {
    this.#world = world;
  }

  table(): ServiceTable {
    return {
      [READ_PATH]: {
        kind: 'unary',
        handle: (request) =>
          this.#answer(() => ({ isDone: true, ...this.#found(request.toString()) })),
      },
      [SWAP_PATH]: {
        kind: 'unary',
        handle: (request) =>
          this.#answer(() => this.#swap(JSON.parse(request.toString()) as SwapRequest)),
      },
    };
  }

  /** As it is now, for checks. */
  text(name: string): string | undefined {
    return this.#objects.get(name)?.bytes.toString();
  }

  #swap({ name, version, text }: SwapRequest): StoreAnswer {
    const found = this.#found(name);
    if (found.version !== version) return { isDone: false, ...found };
    this.swaps++;
    const stored = { version: version + 1, bytes: Buffer.from(text) };
    this.#objects.set(name, stored);
    this.onSwap(name, text);
    return { isDone: true, ...stored };
  }

  #found(name: string): StoredObject {
    return this.#objects.get(name) ?? NONE;
  }

  async #answer(work: () => StoreAnswer): Promise<Buffer> {
    const { random } = this.#world;
    const behaviour = this.behaviour;
    if (behaviour === 'silent') return new Promise(() => undefined);
    if (behaviour === 'refuses') throw new RpcError('unavailable', 'the store refuses');
    if (behaviour === 'slow') await this.#world.sleep(random.exponential(100));
    const answer = answerToBytes(work());
    if (behaviour === 'forgets-to-answer') return new Promise(() => undefined);
    if (behaviour === 'slow') await this.#world.sleep(random.exponential(100));
    return answer;
  }
}

/** `isDone` in one byte, the version in four, and what is stored as it is. */
const HEAD_BYTES = 5;

function answerToBytes({ isDone, version, bytes }: StoreAnswer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(isDone ? 1 : 0, 0);
  head.writeUInt32BE(version, 1);
  return Buffer.concat([head, bytes]);
}

export function answerFromBytes(answer: Buffer): StoreAnswer {
  return {
    isDone: answer.readUInt8(0) === 1,
    version: answer.readUInt32BE(1),
    bytes: answer.subarray(HEAD_BYTES),
  };
}
