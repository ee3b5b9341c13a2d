import {
  assertData,
  assertExpiry,
  assertToken,
  CleanupScheduler,
  type FullStore,
  isToken,
  pack,
  type SessionEntry,
  type SessionItem,
  SessionMap,
  type SessionRecord,
  StoreError,
  type StoreOptions,
  TimeSlice,
  unpack,
  warnOncePerCode,
} from "@scs/core";
import { UsageLimits } from "./usage-limits.js";

export interface MemStoreOptions extends StoreOptions {
  /** @default 60_000 */
  cleanupIntervalMs?: number;
  /** How many sessions are kept at most; past it the least recently used go. @default no limit */
  maxSessions?: number;
  /** How many bytes of tokens and data are kept at most; past it the least recently used go. @default no limit */
  maxBytes?: number;
  /** Is told the token of each live session that a limit drove out. */
  onEvict?: (token: string) => void;
}

/**
 * Keeps sessions in the memory of this process; they are gone when it ends.
 *
 * @throws RangeError or TypeError on construction, if an option is out of range.
 */
export class MemStore implements FullStore {
  readonly #sessions: SessionMap = new SessionMap();
  readonly #limits: UsageLimits | undefined;
  readonly #onEvict: ((token: string) => void) | undefined;
  readonly #onError: (error: StoreError) => void;
  readonly #now: () => number;
  readonly #cleanup: CleanupScheduler;
  #closed = false;

  constructor(options: MemStoreOptions = {}) {
    const { maxSessions, maxBytes, cleanupIntervalMs = 60_000 } = options;
    if (maxSessions !== undefined || maxBytes !== undefined)
      this.#limits = new UsageLimits({ maxSessions, maxBytes });
    this.#onEvict = options.onEvict;
    this.#onError = options.onError ?? warnOncePerCode();
    this.#now = options.now ?? Date.now;
    this.#cleanup = new CleanupScheduler(this, { cleanupIntervalMs, onError: this.#onError });
  }

  /** How many sessions are kept, among them those that have expired and wait for the next cleanup. */
  get size(): number {
    return this.#sessions.size;
  }

  async find(token: string): Promise<SessionRecord | undefined> {
    const item = this.#live(token);
    if (item === undefined) return undefined;
    this.#limits?.use(token);
    return { data: unpack(item.data), expiry: new Date(item.expiry) }; // shared bytes would let one request edit another's session
  }

  async commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    this.#assertOpen();
    assertToken(token);
    assertData(data);
    assertExpiry(expiry);
    this.#write(token, data, expiry);
  }

  async delete(token: string): Promise<void> {
    this.#assertOpen();
    if (isToken(token)) this.#remove(token);
  }

  async replace(
    token: string,
    previous: Uint8Array | undefined,
    data: Uint8Array,
    expiry: Date,
  ): Promise<boolean> {
    const item = this.#live(token);
    if (previous !== undefined) assertData(previous);
    assertData(data);
    assertExpiry(expiry);
    if (!isToken(token) || item?.data !== (previous && pack(previous))) return false;
    this.#write(token, data, expiry);
    return true;
  }

  async touch(token: string, expiry: Date): Promise<boolean> {
    const item = this.#live(token);
    assertExpiry(expiry);
    if (item === undefined) return false;
    item.expiry = expiry.getTime();
    this.#limits?.use(token);
    return true;
  }

  async *entries(): AsyncIterableIterator<SessionEntry> {
    this.#assertOpen();
    const slice = new TimeSlice();
    for (const shard of this.#sessions.shards) {
      for (const [token, { data, expiry }] of shard) {
        if (expiry > this.#now()) yield { token, data: unpack(data), expiry: new Date(expiry) };
        if (slice.isOver) await slice.next();
      }
    }
    this.#assertOpen(); // a walk that disposal has cut short must not look like a complete one
  }

  /** In one step, a snapshot of one instant: with a million sessions it holds the event loop; `entries` does not. */
  async all(): Promise<Map<string, Uint8Array>> {
    this.#assertOpen();
    const now = this.#now();
    const live = new Map<string, Uint8Array>();
    for (const shard of this.#sessions.shards) {
      for (const [token, { data, expiry }] of shard) if (expiry > now) live.set(token, unpack(data));
    }
    return live;
  }

  async deleteExpired(): Promise<number> {
    this.#assertOpen();
    const slice = new TimeSlice();
    let removed = 0;
    for (const shard of this.#sessions.shards) {
      for (const [token, { expiry }] of shard) {
        if (expiry <= this.#now()) {
          this.#remove(token);
          removed++;
        }
        if (slice.isOver) await slice.next();
      }
    }
    return removed;
  }

  async stopCleanup(): Promise<void> {
    await this.#cleanup.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#cleanup.stop();
    this.#sessions.clear();
  }

  #assertOpen(): void {
    if (this.#closed)
      throw new StoreError("CLOSED", "memstore: the store has been disposed of; open a new one");
  }

  #live(token: string): SessionItem | undefined {
    this.#assertOpen();
    const item = this.#sessions.get(token);
    return item !== undefined && item.expiry > this.#now() ? item : undefined;
  }

  #write(token: string, data: Uint8Array, expiry: Date): void {
    const bytes = this.#limits && Buffer.byteLength(token) + data.length;
    if (bytes !== undefined && !this.#limits?.allows(bytes)) {
      throw new StoreError("INVALID_ARGUMENT", "memstore: the session alone is larger than maxBytes");
    }
    if (expiry.getTime() <= this.#now()) {
      this.#remove(token); // it could only drive out one that is live
      return;
    }
    this.#sessions.set(token, data, expiry.getTime());
    this.#limits?.use(token, bytes);
    for (const evicted of this.#limits?.excess() ?? []) this.#evict(evicted);
  }

  #remove(token: string): void {
    this.#sessions.delete(token);
    this.#limits?.forget(token);
  }

  #evict(token: string): void {
    const wasLive = this.#live(token) !== undefined;
    this.#sessions.delete(token);
    if (!wasLive) return;
    try {
      this.#onEvict?.(token);
    } catch (cause) {
      this.#onError(new StoreError("UNAVAILABLE", "memstore: onEvict threw", { cause }));
    }
  }
}
