/** Maximum number of remembered sessions, about 100 bytes each. */
const MAX_SESSIONS = 10_000;

/**
 * Remembers the sessions that this process has recently seen in use, by owner. A store may lose an owner's list, evicted
 * by a limit or damaged by a disk, while its sessions live on; then they are found here.
 */
export class KnownSessions {
  /** The IDs by owner, most recently seen last. */
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
