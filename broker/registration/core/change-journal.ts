/** What of the configuration has changed at which version: enough to tell somebody who knows an older version what is new. */
export type ChangeKind = 'topic' | 'group';

interface Change {
  readonly kind: ChangeKind;
  readonly name: string;
}

/** Names that have changed since some version. Whether they are set or removed now is for the state to say. */
export interface Changes {
  readonly topics: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
}

/** Changes kept; who has missed more gets everything. A change is a name of some tens of bytes. */
const CHANGES_KEPT = 10_000;

/** The first version is what was there at the start; each change is one version more. */
const FIRST_VERSION = 1;

export class ChangeJournal {
  readonly #keptMax: number;
  /** Change `i` led to version `#oldest + i + 1`. Trimmed by half, so that adding costs a constant. */
  #changes: Change[] = [];
  #oldest = FIRST_VERSION;

  constructor(keptMax = CHANGES_KEPT) {
    this.#keptMax = keptMax;
  }

  get version(): number {
    return this.#oldest + this.#changes.length;
  }

  add(kind: ChangeKind, name: string): void {
    this.#changes.push({ kind, name });
    if (this.#changes.length < 2 * this.#keptMax) return;
    this.#changes = this.#changes.slice(this.#keptMax);
    this.#oldest += this.#keptMax;
  }

  /** Undefined when it is not known any more, or never was: everything must be told. */
  since(version: number): Changes | undefined {
    if (version < this.#oldest || version > this.version) return undefined;
    const missed = this.#changes.slice(version - this.#oldest);
    const names = (wanted: ChangeKind): Set<string> =>
      new Set(missed.filter(({ kind }) => kind === wanted).map(({ name }) => name));
    return { topics: names('topic'), groups: names('group') };
  }
}
