/** After so many uses at least, and at least as many as there are sessions, the iterator is a new one. */
const MIN_USES = 512;

/** Knows how many sessions there are, how large, and which were used longest ago. */
export class UsageLimits {
  readonly #maxSessions: number;
  readonly #maxBytes: number;
  /** Token and size in bytes, the longest unused first. */
  readonly #sizes: Map<string, number> = new Map();
  // Kept from one eviction to the next: a new iterator would step over the gap of every token that has left. But not
  // for ever: V8 rebuilds the map now and then, and an iterator that nobody moves keeps alive each table since its own.
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

  /** Whether a session of this many bytes can be kept at all. */
  allows(bytes: number): boolean {
    return bytes <= this.#maxBytes;
  }

  /** Notes that the session under `token` is used now; with `bytes`, that it is new or has a new size. */
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

  /** Gives the sessions that have to go, and forgets them: the longest unused, down to the limits. */
  *excess(): Generator<string> {
    while (this.#sizes.size > this.#maxSessions || this.#bytes > this.#maxBytes) {
      const token = this.#longestUnused.next().value as string;
      this.forget(token);
      yield token;
    }
  }
}
