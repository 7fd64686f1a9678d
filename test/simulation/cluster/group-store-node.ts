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
  readonly version: number;
  readonly text: string;
}

export interface SwapRequest {
  readonly name: string;
  /** 0: there must be none. */
  readonly version: number;
  readonly text: string;
}

export interface StoreAnswer {
  readonly isDone: boolean;
  /** 0: there is none. */
  readonly version: number;
  readonly text: string;
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
          this.#answer(() => {
            const found = this.#objects.get(request.toString());
            return { isDone: true, version: found?.version ?? 0, text: found?.text ?? '' };
          }),
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
    return this.#objects.get(name)?.text;
  }

  #swap({ name, version, text }: SwapRequest): StoreAnswer {
    const found = this.#objects.get(name);
    const present = found?.version ?? 0;
    if (present !== version) return { isDone: false, version: present, text: found?.text ?? '' };
    this.swaps++;
    this.#objects.set(name, { version: present + 1, text });
    this.onSwap(name, text);
    return { isDone: true, version: present + 1, text };
  }

  async #answer(work: () => StoreAnswer): Promise<Buffer> {
    const { random } = this.#world;
    const behaviour = this.behaviour;
    if (behaviour === 'silent') return new Promise(() => undefined);
    if (behaviour === 'refuses') throw new RpcError('unavailable', 'the store refuses');
    if (behaviour === 'slow') await this.#world.sleep(random.exponential(100));
    const answer = Buffer.from(JSON.stringify(work()));
    if (behaviour === 'forgets-to-answer') return new Promise(() => undefined);
    if (behaviour === 'slow') await this.#world.sleep(random.exponential(100));
    return answer;
  }
}
