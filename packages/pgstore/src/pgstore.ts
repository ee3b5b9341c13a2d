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
  /** The table's schema; without it, the connections' `search_path` says. Quoted: any name will do. */
  schema?: string;
  /** The table's name. Quoted: any name will do. @default "sessions" */
  table?: string;
  /**
   * How long a call may take, from the moment it was made, wherever it waits; of `entries` and of a cleanup each statement,
   * and as long for its connection. From 1 to 2^31 - 1. @default 5_000
   */
  timeoutMs?: number;
  /** Whether connections keep statements prepared. PgBouncer older than 1.21 needs `false`. @default true */
  prepare?: boolean;
}

const OPTIONS = ["cleanupIntervalMs", "schema", "table", "timeoutMs", "prepare", "onError", "now"];
/** Far more than a session has, and little enough for the driver, whose strings end at 512 MiB. */
const MAX_DATA_BYTES: number = 128 * 2 ** 20;

/**
 * Keeps sessions in a table of a PostgreSQL database, on the app's pool. Does no I/O on construction: see
 * `createTable`. Goes by the database's clock, unless it is given another.
 *
 * A write that rejects with `UNAVAILABLE` because the connection was lost, or the answer late, may have taken effect,
 * or yet do so: no driver can know. Never repeated: a late repetition could overwrite a newer write.
 */
export class PgStore extends StoreBase {
  readonly #connections: Connections;
  readonly #names: { schema: string | undefined; table: string };

  /**
   * @param pool It stays the caller's: the store does not end it.
   * @throws TypeError or RangeError if an option is unknown or out of range, or `pool` is no pool that the store works on.
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
   * Creates the table and its index, and the schema, unless they are there. All instances of an app may do so at once.
   *
   * @throws StoreError `UNAVAILABLE` if the server cannot be reached, the user lacks the privilege, or a table that is
   *   there has other types.
   */
  async createTable(options: CreateTableOptions = {}): Promise<void> {
    assertKnownOptions("pgstore, createTable", options, ["unlogged"]);
    await this.whileOpen(async () => {
      await createTable(this.#connections, this.#names, options);
      this.#connections.release(await this.#connections.acquire()); // which looks at the table
    });
  }
}
