import type { StoreError } from "./store-error.js";

/** What a store keeps under a token. The bytes are opaque to it. */
export interface SessionRecord {
  data: Uint8Array;
  /** The record is live while `now < expiry`; at the very instant it is gone, for every method alike. */
  expiry: Date;
}

export interface SessionEntry extends SessionRecord {
  token: string;
}

/**
 * All that a session manager needs. Every method of this and the following interfaces:
 *
 * - Takes as a token a string of 1 to 255 UTF-8 bytes, well-formed, without NUL. Any other is malformed:
 *   reads find nothing, `delete` does nothing, `touch` and `replace` give `false`, `commit` rejects.
 * - Takes effect, for one token, in the order of the calls, awaited or not.
 * - Copies bytes and dates in, at the call, and out: nothing is shared with the caller.
 * - Rejects, and never throws, with a {@link StoreError}: `UNAVAILABLE` if the backend cannot be reached,
 *   `CLOSED` after disposal. No error carries a token or session data.
 *
 * When a write has resolved, it survives the death of the process, unless the store is one of memory.
 */
export interface Store {
  /**
   * Gives the live record under `token`, or `undefined` when there is none: unknown, expired or
   * malformed. The bytes are the caller's to keep and to change.
   *
   * @throws StoreError A damaged record is no error: it counts as absent, and `CORRUPT` goes to `onError`.
   */
  find(token: string): Promise<SessionRecord | undefined>;

  /**
   * Inserts or overwrites the record under `token`. With an expiry that has passed, it leaves no live record.
   *
   * @throws StoreError `INVALID_ARGUMENT`, and nothing is changed, if the token is malformed, `data` is no
   *   `Uint8Array`, or `expiry` is no valid `Date`.
   */
  commit(token: string, data: Uint8Array, expiry: Date): Promise<void>;

  /** Removes the record under `token`. Succeeds when there is none. */
  delete(token: string): Promise<void>;
}

/** A store in which nothing is lost and nothing resurrected. */
export interface AtomicStore extends Store {
  /**
   * Compare-and-swap on the bytes: writes only if the data of the live record equals `previous`
   * (`undefined`: only if there is no live record), in one atomic step against every other client of the
   * backend, other processes included. Only data counts: a `touch` in between is no difference.
   *
   * @returns Whether it wrote. `false` means that nothing was changed.
   * @throws StoreError `INVALID_ARGUMENT` if `data` or a given `previous` is no `Uint8Array`, or `expiry` is
   *   no valid `Date`.
   */
  replace(token: string, previous: Uint8Array | undefined, data: Uint8Array, expiry: Date): Promise<boolean>;
}

/** A store that can keep a session alive for a request that changed nothing. */
export interface TouchableStore extends Store {
  /**
   * Moves the expiry of a live record, later or earlier, without rewriting its data. Never brings back what
   * was deleted or had expired.
   *
   * @returns Whether there was a live record.
   * @throws StoreError `INVALID_ARGUMENT`, and nothing is changed, if `expiry` is no valid `Date`.
   */
  touch(token: string, expiry: Date): Promise<boolean>;
}

/** A store whose records can be listed. */
export interface IterableStore extends Store {
  /**
   * Walks the live records with bounded memory, however many there are, in no promised order. Other calls
   * may go on meanwhile: each record that is live throughout is given exactly once.
   */
  entries(): AsyncIterableIterator<SessionEntry>;

  /** Gives token and data of every live record at once. Holds all of them in memory: see `entries`. */
  all(): Promise<Map<string, Uint8Array>>;
}

/** A store that removes what has expired, when asked and by a {@link CleanupScheduler} in the background. */
export interface ExpiringStore extends Store {
  /**
   * Removes the records that have expired; never one that was renewed in between. Works in slices, so that
   * it neither blocks the event loop for long nor locks out other clients.
   *
   * @returns How many records it removed.
   */
  deleteExpired(): Promise<number>;

  /**
   * Ends the background cleanup, having waited for a run under way. May be called again, and after disposal.
   * All else works on: expired records stay invisible, and `deleteExpired` removes them.
   */
  stopCleanup(): Promise<void>;
}

/**
 * What every store of this project is. Disposal waits for writes under way and ends the background cleanup;
 * after it, every other call rejects with `CLOSED`. It closes no handle that the store did not open.
 */
export interface FullStore
  extends AtomicStore,
    TouchableStore,
    IterableStore,
    ExpiringStore,
    AsyncDisposable {}

/** What the constructor of every store of this project takes, among options of its own. */
export interface StoreOptions {
  /** Time from the end of one background cleanup to the start of the next; 0 for none, at most 2^31 - 1. */
  cleanupIntervalMs?: number;
  /**
   * Is told of errors that no call can reject with: a failed background cleanup, a damaged record.
   *
   * @default a process warning, once per distinct code
   */
  onError?: (error: StoreError) => void;
  /** The clock, in ms since the epoch, for tests. @default the clock of the backend, or `Date.now` */
  now?: () => number;
}
