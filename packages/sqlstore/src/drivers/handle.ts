import type { RecordStatement } from "../session-table.js";
import { isSqlite3Database, type Sqlite3Database, Sqlite3Handle } from "./sqlite3-handle.js";
import { isSyncDatabase, type SyncDatabase, SyncHandle } from "./sync-handle.js";

/** A value that every driver binds. */
export type Parameter = string | number | Uint8Array | null;

/** A row of a result, by column name. */
export type Row = Record<string, unknown>;

/** One statement on many records. */
export interface Step {
  statement: RecordStatement;
  /** The parameters of each record; the token comes first. */
  rows: readonly (readonly Parameter[])[];
  /** The parameters after the rows. */
  tail: readonly Parameter[];
  /** What is asked about the records: which were written, that all were, or nothing. */
  asks: "which" | "all" | "nothing";
}

/** A driver's database as the store uses it. Rejects with the driver's own errors. */
export interface Handle {
  /**
   * Whether several steps can be one transaction. False on a handle that the app uses too: the app's statements would
   * become part of the transaction, and be rolled back with it.
   */
  readonly hasTransactions: boolean;
  /** Runs one statement that reads, and returns its rows. */
  all(sql: string, ...parameters: Parameter[]): Promise<Row[]>;
  /** Runs one statement that writes, and returns its rows once it is committed. Rejects as busy in a transaction of the app's. */
  run(sql: string, ...parameters: Parameter[]): Promise<Row[]>;
  /** Reads the records of a step. */
  read(step: Step): Promise<Row[]>;
  /**
   * Writes all steps or none, and adds to `written` the tokens that steps which ask for them wrote, once they are committed.
   * Takes more than one step only if it `hasTransactions`. Rejects as busy in a transaction of the app's.
   */
  write(steps: readonly Step[], written: Set<unknown>): Promise<void>;
  /** Finalizes the prepared statements: `sqlite3` closes no database that has any. */
  release(): void;
  /** Closes the database if the store opened it. */
  close(): Promise<void>;
}

/** Makes the error of a step of which all records must be written, and one is not, without an error of SQLite's. */
export function ignoredByTrigger(): Error {
  return Object.assign(new Error("a trigger ignores the session"), { code: "SQLITE_CONSTRAINT_TRIGGER" });
}

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
