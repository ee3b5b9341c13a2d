/** Minimum number of uses between two renewals of the iterator. Renewed after max(512, number of sessions) uses. */
const MIN_USES = 512;

/** Tracks the number, sizes and last uses of sessions. */
export class UsageLimits {
  readonly #maxSessions: number;
  readonly #maxBytes: number;
  /** Sizes in bytes by token, least recently used first. */
  readonly #sizes: Map<string, number> = new Map();
  // Reused between evictions: a new iterator would skip the gap of every removed token. Renewed now and then: V8 rebuilds
  // the map, and an unused iterator keeps all tables since its own alive.
  #longestUnused: Iterator<string> = this.#sizes.keys();
  #uses = 0;
  #bytes = 0;

  /** @throws RangeError if a limit is not a whole number of at least 1. */
  constructor(limits: { maxSessions?: number | undefined; maxBytes?: number | undefined }) {
    for (const [name, limit] of Object.entries(limits)) {
      if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 1)) {
        throw new RangeError(
          `${name} must be a whole number of at least 1, or left out for no limit, got ${String(limit)}`,
        );
      }
    }
    this.#maxSessions = limits.maxSessions ?? Number.POSITIVE_INFINITY;
    this.#maxBytes = limits.maxBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Returns whether a session of this size fits at all. */
  allows(bytes: number): boolean {
    return bytes <= this.#maxBytes;
  }

  /** Marks a session as used. `bytes`: its size, if it is new or has changed. */
  use(token: string, bytes: number = this.#sizes.get(token) ?? 0): void {
    this.forget(token);
    this.#sizes.set(token, bytes);
    this.#bytes += bytes;
    if (++this.#uses < MIN_USES || this.#uses < this.#sizes.size) return;
    this.#uses = 0;
    this.#longestUnused = this.#sizes.keys();
  }

  forget(token: string): void {
    this.#bytes -= this.#sizes.get(token) ?? 0;
    this.#sizes.delete(token);
  }

  /** Removes and yields the least recently used sessions until the rest is within the limits. */
  *excess(): Generator<string> {
    while (this.#sizes.size > this.#maxSessions || this.#bytes > this.#maxBytes) {
      const token = this.#longestUnused.next().value as string;
      this.forget(token);
      yield token;
    }
  }
}
