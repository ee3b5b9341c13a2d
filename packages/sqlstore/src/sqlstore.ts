import { setTimeout } from "node:timers/promises";
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
  warnOncePerCode,
} from "@scs/core";
import { type Call, CallQueue } from "./call-queue.js";
import { toStoreError } from "./drivers/driver-error.js";
import { type Handle, type Parameter, type Row, type SqliteDatabase, toHandle } from "./drivers/handle.js";
import { retryWhileBusy } from "./drivers/retry.js";
import { toJulianDay } from "./julian-day.js";
import { RecordBatches } from "./record-batches.js";
import { SessionTable } from "./session-table.js";

export interface SqlStoreOptions extends StoreOptions {
  /** @default 300_000 */
  cleanupIntervalMs?: number;
  /** The table's name. It is quoted: any name will do. @default "sessions" */
  table?: string;
  /** How long a call, when its turn has come, waits for locks of other connections; 0 to 2^31 - 1. @default 5000 */
  busyTimeoutMs?: number;
}

/** What SQLite takes at most, by default, for one value; the drivers count lengths in 32 bits. */
const MAX_DATA_BYTES = 1_000_000_000;
const PAGE_ROWS = 500;
const PAGE_BYTES = 2 ** 20;
/** How many rows a batch of a cleanup has at first and at least, however long a commit takes of itself, and at most. */
const MIN_SWEEP_ROWS = 64;
const MAX_SWEEP_ROWS = 1024;
/** About how long one batch of a cleanup has the lock, and the event loop if the driver is synchronous. */
const SWEEP_MS = 2;

/**
 * Keeps sessions in a table of a SQLite database. Does no I/O on construction: see `createTable`.
 *
 * @throws RangeError or TypeError on construction, if an option is out of range or `db` is no handle it knows.
 */
export class SqlStore implements FullStore {
  readonly #handle: Handle;
  readonly #table: SessionTable;
  readonly #batches: RecordBatches;
  readonly #queue: CallQueue;
  readonly #now: () => number;
  readonly #busyTimeoutMs: number;
  readonly #cleanup: CleanupScheduler;
  readonly #sweeps: Set<Promise<number>> = new Set();
  #disposing: Promise<void> | undefined;

  constructor(db: SqliteDatabase, options: SqlStoreOptions = {}) {
    const { cleanupIntervalMs = 300_000, table = "sessions", busyTimeoutMs = 5000 } = options;
    if (!Number.isInteger(busyTimeoutMs) || busyTimeoutMs < 0 || busyTimeoutMs > MAX_DELAY_MS) {
      throw new RangeError(
        `busyTimeoutMs must be a whole number from 0 to ${MAX_DELAY_MS}, got ${String(busyTimeoutMs)}`,
      );
    }
    const onError = options.onError ?? warnOncePerCode();
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#now = options.now ?? Date.now;
    this.#table = new SessionTable(table);
    this.#handle = toHandle(db, busyTimeoutMs);
    this.#batches = new RecordBatches(this.#handle, this.#table, { now: this.#now, busyTimeoutMs, onError });
    this.#queue = new CallQueue(this.#batches);
    this.#cleanup = new CleanupScheduler(this, { cleanupIntervalMs, onError });
  }

  /** Creates the table and its index, unless they are there. Several processes may do so at once. */
  async createTable(): Promise<void> {
    this.#assertOpen();
    for (const sql of this.#table.create) await this.#query("run", sql);
  }

  async find(token: string): Promise<SessionRecord | undefined> {
    this.#assertOpen();
    return isToken(token) ? this.#call<SessionRecord | undefined>("find", [token]) : undefined;
  }

  async commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    this.#assertOpen();
    assertToken(token);
    await this.#call<void>("commit", [token, copy(data), expiryDay(expiry)]);
  }

  async delete(token: string): Promise<void> {
    this.#assertOpen();
    if (isToken(token)) await this.#call<void>("delete", [token]);
  }

  async replace(
    token: string,
    previous: Uint8Array | undefined,
    data: Uint8Array,
    expiry: Date,
  ): Promise<boolean> {
    this.#assertOpen();
    const [before, after, day] = [
      previous === undefined ? null : copy(previous),
      copy(data),
      expiryDay(expiry),
    ];
    if (!isToken(token)) return false;
    if (before === null) return this.#call<boolean>("insert", [token, after, day]);
    return this.#call<boolean>("update", [token, before, after, day]);
  }

  async touch(token: string, expiry: Date): Promise<boolean> {
    this.#assertOpen();
    const day = expiryDay(expiry);
    return isToken(token) && this.#call<boolean>("update", [token, null, null, day]);
  }

  /** By pages of about 1 MiB, each a short read of its own: no walk keeps SQLite from resetting its log. */
  async *entries(): AsyncIterableIterator<SessionEntry> {
    let cursor: Uint8Array = Buffer.alloc(0);
    for (;;) {
      this.#assertOpen(); // a walk that disposal has cut short must not look like a complete one
      const now = toJulianDay(this.#now());
      const [measured] = await this.#query(
        "all",
        this.#table.measurePage,
        cursor,
        now,
        PAGE_ROWS,
        PAGE_BYTES,
      );
      const limit = Math.max(1, Number(measured?.count)); // a record that is larger than a page is one of its own
      const rows = await this.#query("all", this.#table.page, cursor, now, limit);
      for (const row of rows) {
        const record = this.#batches.live(row);
        if (record !== undefined && isToken(row.token)) yield { token: row.token, ...record };
        cursor = row.cursor as Uint8Array;
      }
      if (rows.length < limit) return this.#assertOpen();
    }
  }

  /** By one statement, a snapshot of one instant. With a million sessions it holds the event loop; `entries` does not. */
  async all(): Promise<Map<string, Uint8Array>> {
    this.#assertOpen();
    const live = new Map<string, Uint8Array>();
    for (const row of await this.#query("all", this.#table.all, toJulianDay(this.#now()))) {
      const record = this.#batches.live(row);
      if (record !== undefined && isToken(row.token)) live.set(row.token, record.data);
    }
    return live;
  }

  async deleteExpired(): Promise<number> {
    this.#assertOpen();
    const sweep = this.#sweep();
    this.#sweeps.add(sweep);
    try {
      return await sweep;
    } finally {
      this.#sweeps.delete(sweep);
    }
  }

  async stopCleanup(): Promise<void> {
    await this.#cleanup.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose();
    await this.#disposing;
  }

  #assertOpen(): void {
    if (this.#disposing !== undefined)
      throw new StoreError("CLOSED", "sqlstore: the store has been disposed of; open a new one");
  }

  #call<T>(kind: Call["kind"], row: readonly [string, ...Parameter[]]): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#queue.add({ kind, token: row[0], row, resolve: resolve as (result: unknown) => void, reject });
    });
  }

  /** Runs one statement when the calls made before it have been answered, and gives its rows. */
  #query(method: "all" | "run", sql: string, ...parameters: Parameter[]): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      this.#queue.add((meanwhile) => {
        const attempt = (): Promise<Row[]> => this.#handle[method](sql, ...parameters);
        return retryWhileBusy(attempt, this.#busyTimeoutMs, meanwhile).then(resolve, (error: unknown) =>
          reject(toStoreError(error, this.#table.name)),
        );
      });
    });
  }

  async #sweep(): Promise<number> {
    const now = toJulianDay(this.#now());
    let removed = 0;
    for (let limit = MIN_SWEEP_ROWS; ; ) {
      const began = performance.now();
      const { length } = await this.#query("run", this.#table.deleteExpired, now, limit);
      removed += length;
      if (length < limit || this.#disposing !== undefined) return removed;
      const elapsed = performance.now() - began;
      await setTimeout(elapsed); // as long as it had the lock: other processes look for it from time to time only
      if (elapsed > 2 * SWEEP_MS) limit = Math.max(MIN_SWEEP_ROWS, Math.ceil(limit / 2));
      else if (elapsed < SWEEP_MS) limit = Math.min(limit * 2, MAX_SWEEP_ROWS);
    }
  }

  async #dispose(): Promise<void> {
    await this.#cleanup.stop();
    await Promise.allSettled(this.#sweeps);
    await this.#queue.idle();
    try {
      this.#handle.release();
      await this.#handle.close();
    } catch (error) {
      throw toStoreError(error, this.#table.name);
    }
  }
}

function copy(data: unknown): Uint8Array {
  assertData(data);
  if (data.length > MAX_DATA_BYTES)
    throw new StoreError("INVALID_ARGUMENT", `sqlstore: data must be at most ${MAX_DATA_BYTES} bytes`);
  return Buffer.from(data);
}

function expiryDay(expiry: unknown): number {
  assertExpiry(expiry);
  return toJulianDay(expiry.getTime());
}
