/** Maximum number of sessions remembered, some 100 bytes each. */
const MAX_SESSIONS = 10_000;

/**
 * Remembers which sessions of which owner this process has seen in use lately. A store may lose an owner's list (a
 * limit drives it out, a disk damages it) while the sessions on it go on: they are still found through this.
 */
export class KnownSessions {
  /** The IDs by owner; the owner seen last comes last. */
  readonly #byOwner: Map<string, Set<string>> = new Map();
  #size = 0;

  add(owner: string, id: string): void {
    let ids = this.#byOwner.get(owner);
    if (ids?.has(id)) return;
    if (ids === undefined) ids = new Set();
    else this.#byOwner.delete(owner);
    this.#byOwner.set(owner, ids.add(id));
    if (++this.#size > MAX_SESSIONS) this.#forgetEldest();
  }

  delete(owner: string, id: string): void {
    const ids = this.#byOwner.get(owner);
    if (ids?.delete(id) !== true) return;
    this.#size--;
    if (ids.size === 0) this.#byOwner.delete(owner);
  }

  of(owner: string): readonly string[] {
    return [...(this.#byOwner.get(owner) ?? [])];
  }

  #forgetEldest(): void {
    for (const [owner, ids] of this.#byOwner) {
      for (const id of ids) {
        this.delete(owner, id);
        return;
      }
    }
  }
}
