import type { Handle } from "./handle.js";
import { isSqlite3Database, type Sqlite3Database, Sqlite3Handle } from "./sqlite3-handle.js";
import { isSyncDatabase, type SyncDatabase, SyncHandle } from "./sync-handle.js";

/** A database handle of a supported driver. */
export type SqliteDatabase = Sqlite3Database | SyncDatabase;

/** Handles opened by `openSqlStore`, which the store closes. */
const owned = new WeakSet<SqliteDatabase>();

/** Marks `db` as owned by the store: only the store uses it, and the store closes it. */
export function own<D extends SqliteDatabase>(db: D): D {
  owned.add(db);
  return db;
}

/** Common mistakes, recognized by a property, and what to pass instead. */
const MISTAKEN: readonly (readonly [property: string, remedy: string])[] = [
  ["getDatabaseInstance", "this is a Database of the package sqlite: pass db.getDatabaseInstance()"],
  ["$client", "this is a Drizzle database: pass db.$client"],
  ["raw", "knex keeps its own connections: open the file with openSqlStore(path)"],
  ["getExecutor", "this is a Kysely instance: pass the handle that you gave its dialect"],
  ["OPEN_READWRITE", "this is the package sqlite3: pass a Database, as in new sqlite3.Database(path)"],
  ["then", "this is a promise: await it first"],
  ["syncUntil", "this is libsql, which returns blobs as ArrayBuffer: use better-sqlite3"],
  ["batch", "this is a libSQL client, which cannot prepare statements"],
];

/** Wraps a handle of any supported driver. @throws TypeError that says what to pass instead. */
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
