import type { Handle } from "./handle.js";
import { isSqlite3Database, type Sqlite3Database, Sqlite3Handle } from "./sqlite3-handle.js";
import { isSyncDatabase, type SyncDatabase, SyncHandle } from "./sync-handle.js";

/** A database handle of one of the drivers. */
export type SqliteDatabase = Sqlite3Database | SyncDatabase;

/** The handles that `openSqlStore` opened: their store closes them. */
const owned = new WeakSet<SqliteDatabase>();

/** Makes the store the owner of `db`: only the store uses it, and closes it. */
export function own<D extends SqliteDatabase>(db: D): D {
  owned.add(db);
  return db;
}

/** What people pass for a handle, recognized by a property, and what to pass instead. */
const MISTAKEN: readonly (readonly [property: string, remedy: string])[] = [
  ["getDatabaseInstance", "this is a Database of the package sqlite: pass its getDatabaseInstance()"],
  ["$client", "this is Drizzle's: pass its $client"],
  ["raw", "knex keeps its own connections: open the file with openSqlStore(path)"],
  ["getExecutor", "Kysely keeps its handle to itself: pass the handle that its dialect was given"],
  ["OPEN_READWRITE", "this is the package sqlite3: pass a Database of it"],
  ["then", "this is a promise: await it first"],
  ["syncUntil", "this is libsql, which returns blobs as ArrayBuffer: use better-sqlite3"],
  ["batch", "this is a client of libSQL, which has no statements to prepare"],
];

/** @throws TypeError if `db` is no handle of a driver that the store works on; the message says what to pass. */
export function toHandle(db: SqliteDatabase, busyTimeoutMs: number): Handle {
  const given: object = Object(db);
  const isOwned = owned.has(db);
  const [, remedy] = MISTAKEN.find(([property]) => property in given) ?? [];
  if (remedy === undefined) {
    if (isSqlite3Database(given)) return new Sqlite3Handle(given, { isOwned, busyTimeoutMs });
    if (isSyncDatabase(given)) return new SyncHandle(given, isOwned);
  }
  throw new TypeError(
    "db must be a Database of sqlite3, a Database of better-sqlite3 or a DatabaseSync of node:sqlite" +
      (remedy === undefined ? "" : `; ${remedy}`),
  );
}
