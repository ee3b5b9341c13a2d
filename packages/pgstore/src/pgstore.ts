import { type StoreOptions, warnOncePerCode } from "@scs/core";
import { assertFunction, assertKnownOptions, assertWholeNumber, StoreBase } from "@scs/core/kit";
import { Connections } from "./connection/connections.js";
import { IdleErrors } from "./connection/idle-errors.js";
import { assertPool, type PgPool } from "./connection/pool.js";
import { PgBackend } from "./pg-backend.js";
import { SessionTable } from "./session-table.js";
import { assertTable } from "./table-check.js";
import { type CreateTableOptions, createTable } from "./table-creation.js";

/** Options of a pgstore. */
export interface PgStoreOptions extends StoreOptions {
  /** @default 300_000 */
  cleanupIntervalMs?: number;
  /** Schema of the table. Quoted, so that any name works. @default the first of the connections' `search_path` */
  schema?: string;
  /** Name of the table. Quoted, so that any name works. @default "sessions" */
  table?: string;
  /**
   * Time limit of a call in ms, from the moment it was made, including all waits; 1 to 2^31 - 1. In `entries`, `all` and
   * cleanups, the limit of each statement, and of getting a connection. @default 5_000
   */
  timeoutMs?: number;
  /** Whether connections keep statements prepared. PgBouncer older than 1.21 needs `false`. @default true */
  prepare?: boolean;
}

const OPTIONS = ["cleanupIntervalMs", "schema", "table", "timeoutMs", "prepare", "onError", "now"];
/** Maximum size of a session: far above normal sizes, and below the driver's limit of 512 MiB per string. */
const MAX_DATA_BYTES: number = 128 * 2 ** 20;

/**
 * Keeps sessions in a PostgreSQL table, on the app's pool. Does no I/O on construction: see `createTable`. Uses the
 * database's clock, unless `now` is set.
 *
 * A write that rejects with `UNAVAILABLE`, because the connection was lost or the answer was late, may still take effect;
 * no driver can know. It is never retried: a late retry could overwrite a newer write.
 */
export class PgStore extends StoreBase {
  readonly #connections: Connections;
  readonly #names: { schema: string | undefined; table: string };

  /**
   * @param pool A pool that the caller ends.
   * @throws TypeError or RangeError if an option is unknown or out of range, or `pool` is not supported.
   */
  constructor(pool: PgPool, options: PgStoreOptions = {}) {
    assertPool(pool);
    assertKnownOptions("pgstore", options, OPTIONS);
    const {
      cleanupIntervalMs = 300_000,
      schema,
      table: tableName = "sessions",
      timeoutMs = 5_000,
      prepare = true,
      onError = warnOncePerCode(),
      now,
    } = options;
    assertWholeNumber("timeoutMs", timeoutMs, { min: 1 });
    if (typeof prepare !== "boolean") throw new TypeError(`prepare must be a boolean, got ${typeof prepare}`);
    if (now !== undefined) assertFunction("now", now);
    assertFunction("onError", onError);
    const names = { schema, table: tableName };
    const table = new SessionTable(names, now === undefined ? "the database's" : "the app's");
    const connections = new Connections(pool, {
      timeoutMs,
      prepare,
      assertFirst: (connection) => assertTable(connections, connection, table),
    });
    const idleErrors = new IdleErrors(pool, onError);
    const backend = new PgBackend(connections, table, { timeoutMs, now, onError, idleErrors });
    const base = { name: "pgstore", cleanupIntervalMs, timeoutMs, onError, maxDataBytes: MAX_DATA_BYTES };
    super(backend, now === undefined ? { ...base, hasClock: false } : { ...base, now });
    idleErrors.start();
    this.#connections = connections;
    this.#names = names;
  }

  /**
   * Creates schema, table and index if they are missing. All instances of an app may call it at the same time.
   *
   * @throws StoreError `UNAVAILABLE` if the server cannot be reached, the user lacks a privilege, or an existing table has
   *   columns of other types.
   */
  async createTable(options: CreateTableOptions = {}): Promise<void> {
    assertKnownOptions("pgstore, createTable", options, ["unlogged"]);
    await this.whileOpen(async () => {
      await createTable(this.#connections, this.#names, options);
      this.#connections.release(await this.#connections.acquire()); // checks the table
    });
  }
}
