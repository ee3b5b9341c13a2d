import { StoreError } from "@scs/core";
import { assertKnownOptions, assertOneOf } from "@scs/core/kit";
import { toStoreError } from "./drivers/driver-error.js";
import type { Handle } from "./drivers/handle.js";
import { LockWait } from "./drivers/lock-wait.js";
import { own, type SqliteDatabase, toHandle } from "./drivers/sqlite-database.js";
import { isSyncDatabase } from "./drivers/sync-handle.js";
import { SQL_STORE_OPTIONS, SqlStore, type SqlStoreOptions } from "./sqlstore.js";

/** Options of `openSqlStore`. */
export interface OpenSqlStoreOptions extends SqlStoreOptions {
  /** The package that opens the file. @default "sqlite3" */
  driver?: "sqlite3" | "better-sqlite3" | "node:sqlite";
  /**
   * What a resolved write survives: with `"flushed"`, the death of the process and a power failure; with `"committed"`,
   * only the death of the process. @default "flushed"
   */
  durability?: "flushed" | "committed";
}

const SYNCHRONOUS = { flushed: "FULL", committed: "NORMAL" } as const;

/**
 * Checkpoint interval of synchronous drivers, which block the event loop during a checkpoint: up to 25 ms at SQLite's
 * default of 1000 pages. A much smaller interval would cost a sync for every batch.
 */
const SYNC_CHECKPOINT_PAGES = 128;

type Open = (path: string) => SqliteDatabase | Promise<SqliteDatabase>;

/** Returns, for each driver's module, the function that opens a file. */
const drivers: Readonly<Record<string, (module: unknown) => Open>> = {
  sqlite3: (module) => {
    type Sqlite3 = {
      Database: new (path: string, callback: (error: Error | null) => void) => SqliteDatabase;
    };
    const { Database } = (module as { default: Sqlite3 }).default;
    return (path) =>
      new Promise((resolve, reject) => {
        const db: SqliteDatabase = new Database(path, (error) => (error ? reject(error) : resolve(db)));
      });
  },
  "better-sqlite3": (module) => {
    const { default: Database } = module as { default: new (path: string) => SqliteDatabase };
    return (path) => new Database(path);
  },
  "node:sqlite": (module) => {
    const { DatabaseSync } = module as { DatabaseSync: new (path: string) => SqliteDatabase };
    return (path) => new DatabaseSync(path);
  },
};

/** Loads a driver by a name that bundlers do not see: an app has only one of them, and native modules cannot be bundled. */
async function load(driver: string): Promise<unknown> {
  return import(/* webpackIgnore: true */ /* @vite-ignore */ driver);
}

/**
 * Opens the database file at `path`, and creates the file and its table if they are missing. The store closes the
 * database on disposal. Sets WAL and `synchronous`.
 *
 * @throws RangeError or TypeError if an option is out of range.
 * @throws StoreError `UNAVAILABLE` if the driver cannot be loaded or the file cannot be opened; the message says why.
 */
export async function openSqlStore(path: string, options: OpenSqlStoreOptions = {}): Promise<SqlStore> {
  assertKnownOptions("sqlstore", options, [...SQL_STORE_OPTIONS, "driver", "durability"]);
  const { driver = "sqlite3", durability = "flushed", ...storeOptions } = options;
  if (typeof path !== "string" || path === "") throw new TypeError("path must be the path of a file");
  const opener = Object.hasOwn(drivers, driver) ? drivers[driver] : undefined;
  if (opener === undefined) throw new TypeError(`driver must be one of ${Object.keys(drivers).join(", ")}`);
  assertOneOf("durability", durability, Object.keys(SYNCHRONOUS));
  const module = await load(driver).catch((cause: unknown) => {
    const remedy = driver === "node:sqlite" ? "it needs Node.js 22.13 or later" : `npm install ${driver}`;
    throw new StoreError("UNAVAILABLE", `sqlstore: the driver ${driver} cannot be loaded; ${remedy}`, {
      cause,
    });
  });
  const { table = "sessions", busyTimeoutMs = 5000 } = storeOptions;
  const db = await Promise.resolve(path)
    .then(opener(module))
    .catch((error: unknown) => {
      throw toStoreError(error, table);
    });
  const handle = toHandle(own(db), busyTimeoutMs);
  let store: SqlStore | undefined;
  try {
    store = new SqlStore(db, storeOptions);
    await configure(db, handle, SYNCHRONOUS[durability], busyTimeoutMs).catch((error: unknown) => {
      throw toStoreError(error, table);
    });
    await store.createTable();
    return store;
  } catch (error) {
    await (store ? store[Symbol.asyncDispose]() : handle.close());
    throw error;
  }
}

async function configure(
  db: SqliteDatabase,
  handle: Handle,
  synchronous: string,
  busyTimeoutMs: number,
): Promise<void> {
  const lock = new LockWait({ busyTimeoutMs, timeoutMs: busyTimeoutMs });
  try {
    for (const pragma of [
      "busy_timeout = 0", // the store itself retries busy statements
      "journal_mode = WAL",
      `synchronous = ${synchronous}`,
      "fullfsync = ON", // without it, macOS leaves synced data in the disk's cache
      "checkpoint_fullfsync = ON",
      ...(isSyncDatabase(db) ? [`wal_autocheckpoint = ${SYNC_CHECKPOINT_PAGES}`] : []),
    ]) {
      await lock.wait(() => handle.all(`PRAGMA ${pragma}`));
    }
  } finally {
    handle.release();
  }
}
