import { MAX_DELAY_MS, type StoreOptions, warnOncePerCode } from "@scs/core";
import { assertFunction, assertKnownOptions, assertWholeNumber, StoreBase } from "@scs/core/kit";
import { type SqliteDatabase, toHandle } from "./drivers/sqlite-database.js";
import { SessionTable } from "./session-table.js";
import { SqliteBackend } from "./sqlite-backend.js";

/** Options of a sqlstore. */
export interface SqlStoreOptions extends StoreOptions {
  /** @default 300_000 */
  cleanupIntervalMs?: number;
  /** Name of the table. Quoted, so that any name works. @default "sessions" */
  table?: string;
  /**
   * Maximum time that a call waits for locks of other connections, from the moment it was made, in ms; 0 to 2^31 - 1. The
   * work itself may take 5 seconds more.
   *
   * @default 5_000
   */
  busyTimeoutMs?: number;
}

export const SQL_STORE_OPTIONS: readonly string[] = [
  "cleanupIntervalMs",
  "table",
  "busyTimeoutMs",
  "onError",
  "now",
];

/** SQLite's default maximum size of one value. Drivers count lengths in 32 bits. */
const MAX_DATA_BYTES = 1_000_000_000;
/** Time limit of a call, in addition to its waits for locks. */
const WORK_MS = 5_000;

/** Keeps sessions in a table of a SQLite database. Does no I/O on construction: see `createTable`. */
export class SqlStore extends StoreBase {
  readonly #backend: SqliteBackend;

  /**
   * @param db A handle that the caller closes.
   * @throws TypeError or RangeError if an option is unknown or out of range, or `db` is not a handle of a supported driver.
   */
  constructor(db: SqliteDatabase, options: SqlStoreOptions = {}) {
    assertKnownOptions("sqlstore", options, SQL_STORE_OPTIONS);
    const {
      cleanupIntervalMs = 300_000,
      table = "sessions",
      busyTimeoutMs = 5_000,
      onError = warnOncePerCode(),
      now = () => Date.now(),
    } = options;
    assertWholeNumber("busyTimeoutMs", busyTimeoutMs, { min: 0 });
    assertFunction("now", now);
    const timeoutMs = Math.min(busyTimeoutMs + WORK_MS, MAX_DELAY_MS);
    const backend = new SqliteBackend(toHandle(db, busyTimeoutMs), new SessionTable(table), {
      busyTimeoutMs,
      timeoutMs,
      now,
      onError,
    });
    super(backend, {
      name: "sqlstore",
      cleanupIntervalMs,
      timeoutMs,
      onError,
      now,
      maxDataBytes: MAX_DATA_BYTES,
    });
    this.#backend = backend;
  }

  /** Creates the table and its index if they are missing. Several processes may call it at the same time. */
  async createTable(): Promise<void> {
    await this.whileOpen(() => this.#backend.createTable());
  }
}
