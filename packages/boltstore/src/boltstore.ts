import { type StoreOptions, warnOncePerCode } from "@scs/core";
import { assertKnownOptions, assertOneOf, assertWholeNumber, StoreBase } from "@scs/core/kit";
import type { RootDatabase } from "lmdb";
import { LmdbBackend } from "./lmdb/backend.js";
import { isOwned } from "./lmdb/ownership.js";

/** Options of a boltstore. */
export interface BoltStoreOptions extends StoreOptions {
  /** @default 60_000 */
  cleanupIntervalMs?: number;
  /**
   * When a write resolves: `"flushed"`, when it is on disk and survives a power failure; `"committed"`, when every process
   * sees it and it survives the death of this one.
   *
   * @default "flushed"
   */
  durability?: "flushed" | "committed";
  /**
   * Timeout of a call, from the moment it was made: a write waits for the write lock, and for the writes before it. Also
   * the timeout of disposal, where the store closes the database. From 1 to 2^31 - 1.
   *
   * @default 5_000
   */
  busyTimeoutMs?: number;
}

/**
 * The methods that the store uses of the database that `open` of `lmdb` returns. The driver's own declarations fail with
 * `skipLibCheck: false`, so the store's declarations do not refer to them.
 */
export interface LmdbRootDatabase {
  openDB(name: string, options: object): unknown;
  childTransaction<T>(action: () => T): Promise<T>;
  resetReadTxn(): void;
  readonly committed: PromiseLike<unknown>;
  readonly flushed: PromiseLike<unknown>;
}

const OPTIONS = ["cleanupIntervalMs", "durability", "busyTimeoutMs", "onError", "now"];

/** @throws TypeError or RangeError if an option is unknown or out of range. */
export function assertOptions(options: BoltStoreOptions): void {
  assertKnownOptions("boltstore", options, OPTIONS);
  const { durability = "flushed", busyTimeoutMs = 5_000 } = options;
  assertOneOf("durability", durability, ["flushed", "committed"]);
  assertWholeNumber("busyTimeoutMs", busyTimeoutMs, { min: 1 });
}

/**
 * Keeps sessions in an LMDB database, which the processes of one machine can share.
 *
 * @throws RangeError or TypeError on construction, if an option is unknown or out of range.
 * @throws StoreError `UNAVAILABLE` on construction, if the database cannot be used.
 */
export class BoltStore extends StoreBase {
  /** @param database The store does not close it. */
  constructor(database: LmdbRootDatabase, options: BoltStoreOptions = {}) {
    const db = database as unknown as RootDatabase;
    if (typeof db?.openDB !== "function") {
      throw new TypeError('database must be a root database, which open() of the package "lmdb" returns');
    }
    assertOptions(options);
    const {
      cleanupIntervalMs = 60_000,
      onError = warnOncePerCode(),
      now = () => Date.now(),
      durability = "flushed",
      busyTimeoutMs = 5_000,
    } = options;
    const untilFlushed = durability === "flushed";
    const isOwner = isOwned(db);
    super(new LmdbBackend(db, { untilFlushed, busyTimeoutMs, isOwner, onError, now }), {
      name: "boltstore",
      cleanupIntervalMs,
      timeoutMs: busyTimeoutMs,
      onError,
      now,
    });
  }
}
