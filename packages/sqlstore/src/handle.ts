import { AsyncHandle, isSqlite3Database, type Sqlite3Database } from "./async-handle.js";
import type { RecordStatement } from "./session-table.js";
import { isSyncDatabase, type SyncDatabase, SyncHandle } from "./sync-handle.js";

/** What the drivers have in common to be bound. */
export type Parameter = string | number | Uint8Array | null;

/** A row of a result by the names of its columns. */
export type Row = Record<string, unknown>;

/** One statement on many records. */
export interface Step {
  statement: RecordStatement;
  rows: readonly (readonly Parameter[])[];
  /** What is bound after the rows. */
  tail: readonly Parameter[];
}

/** A driver's database as the store uses it. Rejects with the driver's own errors. */
export interface Handle {
  /**
   * Whether steps can be one transaction. Not if statements of the app may come between them, on a handle of its
   * own: they would become part of the transaction, and be undone with it.
   */
  readonly hasTransactions: boolean;
  /** Runs one statement, and gives its rows. */
  all(sql: string, ...parameters: Parameter[]): Promise<Row[]>;
  /** Reads, and gives the rows. */
  read(step: Step): Promise<Row[]>;
  /** Writes, all or nothing, and gives the rows of each step. More than one only if it `hasTransactions`. */
  write(steps: readonly Step[]): Promise<Row[][]>;
  /** Lets go of the prepared statements: `sqlite3` does not close a database that has any. */
  release(): void;
  /** Closes the database, if it is the store's own. */
  close(): Promise<void>;
}

/** A database handle of one of the drivers, recognised by its shape. */
export type SqliteDatabase = Sqlite3Database | SyncDatabase;

/** The handles that `openSqlStore` opened: their store closes them. */
const owned = new WeakSet<SqliteDatabase>();

/** Makes `db` the store's own: it has it to itself, and closes it. */
export function own<D extends SqliteDatabase>(db: D): D {
  owned.add(db);
  return db;
}

/** @throws TypeError if `db` has the shape of no driver's database. */
export function toHandle(db: SqliteDatabase, busyTimeoutMs: number): Handle {
  const isOwned = typeof db === "object" && db !== null && owned.has(db);
  if (isSqlite3Database(db)) return new AsyncHandle(db, { isOwned, busyTimeoutMs });
  if (isSyncDatabase(db)) return new SyncHandle(db, isOwned);
  throw new TypeError(
    "db must be a Database of sqlite3, a Database of better-sqlite3 or a DatabaseSync of node:sqlite",
  );
}
