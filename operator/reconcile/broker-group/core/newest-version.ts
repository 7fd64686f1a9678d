/** Own writes of one object that may come before a cache has any of them; more make a question to the server. */
const OLDER_MAX = 32;

/**
 * Tells whether a copy of an object is behind what is known of it, although versions have no order that a client may rely on:
 * what was known before is older, and what comes after the copy has once been as new is newer.
 */
export class NewestVersion {
  #newest: string | undefined;
  /** Oldest first. */
  #older: string[] = [];
  /** The copy has had the newest one, or the newest one is from there. */
  #isSeen = false;

  /** This one is newer than all before. */
  set(version: string): void {
    if (version === this.#newest) return;
    if (this.#newest !== undefined) this.#older = [...this.#older, this.#newest].slice(-OLDER_MAX);
    this.#newest = version;
    this.#isSeen = false;
  }

  /** What the copy has now. `unknown`: it may be either, only the server can tell. */
  compare(version: string): 'same' | 'older' | 'newer' | 'unknown' {
    if (version === this.#newest) {
      this.#isSeen = true;
      return 'same';
    }
    if (this.#older.includes(version)) return 'older';
    return this.#isSeen ? 'newer' : 'unknown';
  }
}
