import {
  assertData,
  assertExpiry,
  assertToken,
  CleanupScheduler,
  type FullStore,
  isToken,
  type SessionEntry,
  type SessionRecord,
  StoreError,
} from "@scs/core";
import { pack, TimeSlice, unpack } from "@scs/core/kit";
import { unavailable } from "./errors.js";
import type { Commit } from "./group-commit.js";
import type { Log } from "./log.js";
import type { Sessions } from "./sessions.js";
import type { Snapshots } from "./snapshots.js";

/** What a store is made of. */
export interface Parts {
  sessions: Sessions;
  commit: Commit;
  log: Log;
  snapshots: Snapshots;
  unlock: () => Promise<void>;
  now: () => number;
  cleanup: { cleanupIntervalMs: number; onError: (error: StoreError) => void };
}

/** Keeps sessions in memory, and what is changed in a log, so that they are there again after a crash. */
export class HybridStore implements FullStore {
  readonly #sessions: Sessions;
  readonly #commit: Commit;
  readonly #parts: Parts;
  readonly #now: () => number;
  readonly #cleanup: CleanupScheduler;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  /** Made by `openHybridStore` alone. */
  constructor(parts: Parts) {
    this.#parts = parts;
    this.#sessions = parts.sessions;
    this.#commit = parts.commit;
    this.#now = parts.now;
    this.#cleanup = new CleanupScheduler(this, parts.cleanup);
  }

  async find(token: string): Promise<SessionRecord | undefined> {
    this.#assertOpen();
    if (!this.#commit.isPending(token)) return this.#sessions.find(token);
    return this.#commit.run(token, () => this.#sessions.find(token)); // what those that were made before leave
  }

  async commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    this.#assertOpen();
    assertToken(token);
    assertData(data);
    assertExpiry(expiry);
    const packed = pack(data); // a copy: the caller may change it by then
    const ms = expiry.getTime();
    await this.#commit.run(token, () => this.#sessions.commit(token, packed, ms));
  }

  async delete(token: string): Promise<void> {
    this.#assertOpen();
    if (isToken(token)) await this.#commit.run(token, () => this.#sessions.delete(token));
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
    const expected = previous && pack(previous);
    const packed = pack(data);
    const ms = expiry.getTime();
    return this.#commit.run(token, () => this.#sessions.replace(token, expected, packed, ms));
  }

  async touch(token: string, expiry: Date): Promise<boolean> {
    this.#assertOpen();
    assertExpiry(expiry);
    if (!isToken(token)) return false;
    const ms = expiry.getTime();
    return this.#commit.run(token, () => this.#sessions.touch(token, ms));
  }

  async *entries(): AsyncIterableIterator<SessionEntry> {
    this.#assertOpen();
    await this.#settle();
    const slice = new TimeSlice();
    for (const shard of this.#sessions.map.shards) {
      for (const [token, { data, expiry }] of shard) {
        if (this.#commit.isPending(token)) {
          const record = await this.find(token); // what is in memory may be refused
          if (record !== undefined) yield { token, ...record };
        } else if (expiry > this.#now()) yield { token, data: unpack(data), expiry: new Date(expiry) };
        if (slice.isOver) await slice.next();
      }
    }
    this.#assertOpen(); // a walk that disposal has cut short must not look like a complete one
  }

  /** In one step, a snapshot of one instant: with a million sessions it holds the event loop; `entries` does not. */
  async all(): Promise<Map<string, Uint8Array>> {
    this.#assertOpen();
    return this.#commit.run(undefined, () => this.#sessions.all());
  }

  async deleteExpired(): Promise<number> {
    this.#assertOpen();
    await this.#settle();
    const slice = new TimeSlice();
    let removed = 0;
    for (const shard of this.#sessions.map.shards) {
      for (const [token, { expiry }] of shard) {
        if (expiry <= this.#now() && (await this.#removeExpired(token))) removed++;
        if (slice.isOver) await slice.next();
        if (this.#isClosed) return removed;
      }
    }
    return removed;
  }

  async stopCleanup(): Promise<void> {
    await this.#cleanup.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    const { commit, log, snapshots, unlock } = this.#parts;
    await this.#cleanup.stop();
    await snapshots.stop();
    try {
      await commit.idle();
      await log.sync();
    } catch (error) {
      throw unavailable("the last changes could not be written", error);
    } finally {
      await log.close().catch(() => undefined);
      await unlock();
      this.#sessions.map.clear();
    }
  }

  #assertOpen(): void {
    if (this.#isClosed)
      throw new StoreError("CLOSED", "hybridstore: the store has been disposed of; open a new one");
  }

  /** Waits for the calls that were made before. */
  async #settle(): Promise<void> {
    if (this.#commit.isPending()) await this.#commit.run(undefined, () => undefined);
  }

  async #removeExpired(token: string): Promise<boolean> {
    if (!this.#commit.isPending(token)) return this.#sessions.removeExpired(token);
    return this.#commit.run(token, () => this.#sessions.removeExpired(token));
  }
}
