import { type StoreOptions, warnOncePerCode } from "@scs/core";
import { assertFunction, assertKnownOptions, StoreBase } from "@scs/core/kit";
import { Memory } from "./memory.js";

/** Options of a memstore. */
export interface MemStoreOptions extends StoreOptions {
  /** @default 60_000 */
  cleanupIntervalMs?: number;
  /** Maximum number of sessions; past it, the least recently used are evicted. @default no limit */
  maxSessions?: number;
  /** Maximum number of bytes of tokens and data; past it, the least recently used are evicted. @default no limit */
  maxBytes?: number;
  /** Called with the token of each live session that a limit evicts. */
  onEvict?: (token: string) => void;
}

const OPTIONS = ["cleanupIntervalMs", "maxSessions", "maxBytes", "onEvict", "onError", "now"];

/**
 * Keeps sessions in the memory of this process. They do not survive its end.
 *
 * @throws RangeError or TypeError on construction, if an option is unknown or out of range.
 */
export class MemStore extends StoreBase {
  readonly #memory: Memory;

  constructor(options: MemStoreOptions = {}) {
    assertKnownOptions("memstore", options, OPTIONS);
    const {
      cleanupIntervalMs = 60_000,
      onError = warnOncePerCode(),
      onEvict = () => undefined,
      now,
      ...limits
    } = options;
    assertFunction("onEvict", onEvict);
    const memory = new Memory({ ...limits, onEvict, onError, now });
    super(memory, { name: "memstore", cleanupIntervalMs, onError, ...(now && { now }) });
    this.#memory = memory;
  }

  /** Number of sessions, including expired ones that the next cleanup will remove. */
  get size(): number {
    return this.#memory.size;
  }
}
