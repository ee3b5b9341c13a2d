import {
  assertData,
  assertExpiry,
  assertToken,
  CleanupScheduler,
  type FullStore,
  isToken,
  MAX_DELAY_MS,
  type SessionEntry,
  type SessionRecord,
  StoreError,
  type StoreOptions,
  TimeSlice,
  warnOncePerCode,
} from "@scs/core";
import type { RootDatabase } from "lmdb";
import { GroupCommit } from "./group-commit.js";
import { encodeRecord } from "./record.js";
import { Sessions } from "./sessions.js";

export const BUSY_TIMEOUT_MS = 5_000;

export interface BoltStoreOptions extends StoreOptions {
  /** @default 60_000 */
  cleanupIntervalMs?: number;
  /**
   * When a write resolves: `"flushed"` once it is on disk, to survive a power failure; `"committed"` once every
   * process sees it, to survive the death of this one.
   *
   * @default "flushed"
   */
  durability?: "flushed" | "committed";
  /**
   * How long a write waits for the write lock at most, and so does the closing of a database that was opened for the
   * store; from 1 to 2^31 - 1.
   *
   * @default 5_000
   */
  busyTimeoutMs?: number;
}

/**
 * What `open` of `lmdb` gives, as far as the store needs it. The driver's own declarations do not pass a compiler
 * that checks libraries, so none of ours refers to them.
 */
export interface LmdbRootDatabase {
  openDB(name: string, options: object): unknown;
  childTransaction<T>(action: () => T): Promise<T>;
  resetReadTxn(): void;
  readonly committed: PromiseLike<unknown>;
  readonly flushed: PromiseLike<unknown>;
}

/**
 * Keeps sessions in an LMDB database, which the processes of one machine can share.
 *
 * @throws RangeError or TypeError on construction, if an option is out of range.
 * @throws StoreError `UNAVAILABLE` on construction, if the database cannot be used.
 */
export class BoltStore implements FullStore {
  readonly #sessions: Sessions;
  readonly #writes: GroupCommit;
  readonly #now: () => number;
  readonly #cleanup: CleanupScheduler;
  #isClosed = false;

  /** @param database It stays the caller's: the store does not close it. */
  constructor(
    database: LmdbRootDatabase,
    {
      cleanupIntervalMs = 60_000,
      onError = warnOncePerCode(),
      now = Date.now,
      durability = "flushed",
      busyTimeoutMs = BUSY_TIMEOUT_MS,
    }: BoltStoreOptions = {},
  ) {
    const db = database as unknown as RootDatabase;
    if (typeof db?.openDB !== "function") {
      throw new TypeError('database must be a root database, which open() of the package "lmdb" gives');
    }
    if (durability !== "flushed" && durability !== "committed") {
      throw new TypeError(`durability must be "flushed" or "committed", got ${String(durability)}`);
    }
    if (!Number.isInteger(busyTimeoutMs) || busyTimeoutMs < 1 || busyTimeoutMs > MAX_DELAY_MS) {
      throw new RangeError(
        `busyTimeoutMs must be a whole number from 1 to ${MAX_DELAY_MS}, got ${String(busyTimeoutMs)}`,
      );
    }
    this.#now = now;
    this.#sessions = new Sessions(db, { now, onError });
    this.#writes = new GroupCommit(db, { untilFlushed: durability === "flushed", busyTimeoutMs });
    // The index of a new database is complete at once. Of one with sessions, the first cleanup completes it.
    if (!this.#sessions.isIndexed())
      this.#writes.run(undefined, () => this.#sessions.index.build(undefined)).catch(() => undefined);
    this.#cleanup = new CleanupScheduler(this, { cleanupIntervalMs, onError });
  }

  async find(token: string): Promise<SessionRecord | undefined> {
    this.#assertOpen();
    if (!isToken(token)) return undefined;
    const key = Buffer.from(token);
    if (!this.#writes.isPending(token)) return this.#sessions.find(key);
    return this.#writes.run(token, () => this.#sessions.find(key)); // what those that were made before leave
  }

  async commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    this.#assertOpen();
    assertToken(token);
    assertData(data);
    assertExpiry(expiry);
    const key = Buffer.from(token);
    const value = encodeRecord(data, expiry.getTime());
    await this.#writes.run(token, () => this.#sessions.write(key, value));
  }

  async delete(token: string): Promise<void> {
    this.#assertOpen();
    if (!isToken(token)) return;
    const key = Buffer.from(token);
    await this.#writes.run(token, () => this.#sessions.remove(key));
  }

  async replace(
    token: string,
    previous: Uint8Array | undefined,
    data: Uint8Array,
    expiry: Date,
  ): Promise<boolean> {
    this.#assertOpen();
    if (previous !== undefined) assertData(previous);
    assertData(data);
    assertExpiry(expiry);
    if (!isToken(token)) return false;
    const key = Buffer.from(token);
    const expected = previous && Buffer.from(previous); // a copy: the caller may change it by then
    const value = encodeRecord(data, expiry.getTime());
    return this.#writes.run(token, () => this.#sessions.replace(key, expected, value));
  }

  async touch(token: string, expiry: Date): Promise<boolean> {
    this.#assertOpen();
    assertExpiry(expiry);
    if (!isToken(token)) return false;
    const key = Buffer.from(token);
    const ms = expiry.getTime();
    return this.#writes.run(token, () => this.#sessions.touch(key, ms));
  }

  async *entries(): AsyncIterableIterator<SessionEntry> {
    this.#assertOpen();
    await this.#settle();
    this.#assertOpen();
    const slice = new TimeSlice();
    // Page by page: what is freed while a view of the database is held cannot be used again, and the file grows.
    let page = this.#sessions.page(undefined);
    while (page.length > 0) {
      for (const { key, value } of page) {
        const record = this.#sessions.decode(value);
        if (record !== undefined) yield { token: key.toString(), ...record };
        if (slice.isOver) await slice.next();
        this.#assertOpen(); // a walk that disposal has cut short must not look like a complete one
      }
      page = this.#sessions.page(page.at(-1)?.key);
    }
  }

  /** In one step, a snapshot of one instant: with a million sessions it holds the event loop; `entries` does not. */
  async all(): Promise<Map<string, Uint8Array>> {
    this.#assertOpen();
    await this.#settle();
    this.#assertOpen();
    return this.#sessions.all();
  }

  async deleteExpired(): Promise<number> {
    this.#assertOpen();
    await this.#settle();
    const { index } = this.#sessions;
    // Disposal cuts it short, which is no error: the background cleanup would report it.
    for (let last: Buffer | undefined; !this.#isClosed && !this.#sessions.isIndexed(); ) {
      last = await this.#writes.run(undefined, () => index.build(last));
    }
    let removed = 0;
    // Asked first, not to take the write lock for nothing.
    while (!this.#isClosed && this.#sessions.isSweepDue()) {
      removed += await this.#writes.run(undefined, () => index.sweep(this.#now()));
    }
    return removed;
  }

  async stopCleanup(): Promise<void> {
    await this.#cleanup.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#cleanup.stop();
    await this.#writes.idle();
  }

  #assertOpen(): void {
    if (this.#isClosed)
      throw new StoreError("CLOSED", "boltstore: the store has been disposed of; open a new one");
  }

  /** Waits for the writes that were made before. */
  async #settle(): Promise<void> {
    if (this.#writes.isPending()) await this.#writes.run(undefined, () => undefined);
  }
}
