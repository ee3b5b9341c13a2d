import type { StoreError } from "./store-error.js";

/** A session as a store keeps it. The bytes are opaque to the store. */
export interface SessionRecord {
  data: Uint8Array;
  /** The record is live while `now < expiry`. At that very instant it has expired, for every method. */
  expiry: Date;
}

/** A record with its token, as `entries` lists it. */
export interface SessionEntry extends SessionRecord {
  token: string;
}

/**
 * The methods that a session manager needs. Every method of this and the following interfaces:
 *
 * - Takes as a token a valid Unicode string of 1 to 255 UTF-8 bytes, without NUL. Any other token is malformed:
 *   reads find nothing, `delete` does nothing, `touch` and `replace` return `false`, `commit` rejects.
 * - Takes effect in the order of the calls for one token, awaited or not.
 * - Copies bytes and dates in at the call, and out: it shares nothing with the caller.
 * - Rejects, and never throws, with a {@link StoreError}: `UNAVAILABLE` if the backend cannot be reached,
 *   `CLOSED` after disposal. No error carries a token or session data.
 *
 * A write that has resolved survives the death of the process, except in a store in memory.
 */
export interface Store {
  /**
   * Returns the live record under `token`, or `undefined` if the token is unknown, expired or malformed. The bytes
   * belong to the caller.
   *
   * @throws StoreError `UNAVAILABLE` or `CLOSED`. A damaged record counts as absent, and `CORRUPT` goes to `onError`.
   */
  find(token: string): Promise<SessionRecord | undefined>;

  /**
   * Inserts or overwrites the record under `token`. If the expiry has passed, no live record remains.
   *
   * @throws StoreError `INVALID_ARGUMENT`, and changes nothing, if the token is malformed, `data` is no
   *   `Uint8Array`, or `expiry` is no valid `Date`.
   */
  commit(token: string, data: Uint8Array, expiry: Date): Promise<void>;

  /** Removes the record under `token`. Succeeds when there is none. */
  delete(token: string): Promise<void>;
}

/** A store with compare-and-swap: no change is lost, and no deleted record comes back. */
export interface AtomicStore extends Store {
  /**
   * Writes only if the data of the live record equals `previous`, or if there is no live record and `previous` is
   * `undefined`: one atomic step for all clients of the backend, in other processes too. Ignores changes of the expiry
   * by `touch`.
   *
   * @returns Whether it wrote. After `false`, nothing has changed.
   * @throws StoreError `INVALID_ARGUMENT` if `data` or a given `previous` is no `Uint8Array`, or `expiry` is
   *   no valid `Date`.
   */
  replace(token: string, previous: Uint8Array | undefined, data: Uint8Array, expiry: Date): Promise<boolean>;
}

/** A store that can extend a session without rewriting it. */
export interface TouchableStore extends Store {
  /**
   * Sets the expiry of a live record, later or earlier, without rewriting its data. Never brings back a deleted or
   * expired record.
   *
   * @returns Whether there was a live record.
   * @throws StoreError `INVALID_ARGUMENT`, and changes nothing, if `expiry` is no valid `Date`.
   */
  touch(token: string, expiry: Date): Promise<boolean>;
}

/** A store whose records can be listed. */
export interface IterableStore extends Store {
  /**
   * Iterates over the live records with bounded memory, in no particular order. Other calls may run meanwhile: yields
   * each record that is live throughout exactly once.
   */
  entries(): AsyncIterableIterator<SessionEntry>;

  /** Returns token and data of every live record. Holds all of them in memory: see `entries`. */
  all(): Promise<Map<string, Uint8Array>>;
}

/** A store that removes expired records, on request and in the background by a {@link CleanupScheduler}. */
export interface ExpiringStore extends Store {
  /**
   * Removes expired records; never one that was renewed meanwhile. Works in slices: it neither blocks the event loop
   * for long nor locks out other clients.
   *
   * @returns The number of records removed.
   */
  deleteExpired(): Promise<number>;

  /**
   * Ends the background cleanup, and waits for a run in progress. May be called again, and after disposal. Everything
   * else continues to work: expired records stay invisible, and `deleteExpired` removes them.
   */
  stopCleanup(): Promise<void>;
}

/**
 * All capabilities, which every store of this project has. Disposal ends the background cleanup and waits for writes in
 * flight; then every other call rejects with `CLOSED`. Disposal closes no handle that the store did not open.
 */
export interface FullStore
  extends AtomicStore,
    TouchableStore,
    IterableStore,
    ExpiringStore,
    AsyncDisposable {}

/** Options of every store of this project, beside its own. */
export interface StoreOptions {
  /** Time from the end of one background cleanup to the start of the next, at most 2^31 - 1. 0: no background cleanup. */
  cleanupIntervalMs?: number;
  /**
   * Called with each error that no call can reject with: of a background cleanup, of a damaged record.
   *
   * @default a process warning, once per distinct code
   */
  onError?: (error: StoreError) => void;
  /** Clock for tests, in ms since the epoch. @default the clock of the backend, or `Date.now` */
  now?: () => number;
}
